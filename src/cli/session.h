// Session: the settings, the store and the ledger that a command works on.
#pragma once

#include <memory>
#include <string>

#include "cli/parts.h"
#include "control/settings.h"
#include "ledger/ledger.h"
#include "store/data_source.h"

namespace baton {

struct Session {
  Settings settings;
  std::unique_ptr<ObjectStore> store;
  std::unique_ptr<Ledger> ledger;
};

// Opens the store for a command that reads or changes what is there. Code::not_found when there is
// none yet, and then none is made.
Result<Session> open_session(Context& context);
// The same without a look at the store's format: for the command that finds out what is damaged.
Result<Session> open_unchecked_session(Context& context);
// Opens the store, making it when absent: for `run` and `submit`.
Result<Session> make_session(Context& context);

// The id of the job or sweep that a word names. Code::not_found also tells when it names one of the
// others.
Result<std::string> resolve_job(Session& session, const std::string& word);
Result<std::string> resolve_sweep(Session& session, const std::string& word);
// The job that the argument JOB names.
Result<History> open_job(Session& session, const std::string& word);

// For listings: says what `error`, of open_session(), does where a store was named, which may be a
// slip, and else, as far as say() does, `usual`.
void tell_nothing_stored(Context& context, const Error& error, const std::string& usual);

// Opens what data comes from, and what results go to, with this process's environment.
OpenBucket data_opener(Parts& parts);

// Sets how much the terminal says by --quiet and --verbose.
void set_talk(Context& context);

}  // namespace baton
