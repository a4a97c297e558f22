#include "tune/trials.h"
