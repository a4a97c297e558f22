// The commands, one a file: cmd_<name>.cc.
#pragma once

#include "cli/command.h"

namespace baton {

Command init_command();
Command run_command();
Command submit_command();
Command ps_command();
Command show_command();
Command logs_command();
Command metrics_command();
Command results_command();
Command stop_command();
Command preempt_command();
Command resume_command();
Command rm_command();
Command store_check_command();
Command store_gc_command();
Command store_copy_command();
Command sweep_command();
Command sweep_ls_command();
Command sweep_show_command();
Command sweep_results_command();
Command sweep_plot_command();
Command sweep_stop_command();
Command sweep_resume_command();
Command sweep_rm_command();
Command image_build_command();
Command image_ls_command();
Command image_rm_command();
Command suggest_command();
Command doctor_command();
Command completion_command();
Command version_command();
Command commit_command();  // inside a container
Command agent_command();   // started by launchers

}  // namespace baton
