#include "cli/session.h"

#include "base/text.h"
#include "ledger/sweeps.h"
#include "os/files.h"
#include "store/open_store.h"

namespace baton {
namespace {

constexpr const char* kLatest = "latest";  // names no one job or sweep

Result<Session> open_store(Context& context, const Settings& settings) {
  Session session;
  session.settings = settings;
  BATON_ASSIGN(session.store,
               context.parts.open_store(settings.store, join_path(settings.home, "buckets")));
  session.ledger = std::make_unique<Ledger>(*session.store, context.parts.clock);
  return session;
}

}  // namespace

Result<Session> open_unchecked_session(Context& context) {
  BATON_ASSIGN(Settings settings,
               load_settings(context.parts.environment, context.arguments.text("--store")));
  return open_store(context, settings);
}

Result<Session> open_session(Context& context) {
  BATON_ASSIGN(Session session, open_unchecked_session(context));
  BATON_TRY(check_store_format(*session.store, /*create=*/false));
  return session;
}

Result<Session> make_session(Context& context) {
  BATON_ASSIGN(Settings settings,
               load_settings(context.parts.environment, context.arguments.text("--store")));
  BATON_ASSIGN(Session session, open_store(context, settings));
  BATON_TRY(check_store_format(*session.store, /*create=*/true));
  return session;
}

Result<std::string> resolve_job(Session& session, const std::string& word) {
  auto id = session.ledger->resolve(word);
  if (!id.is(Code::not_found) || word == kLatest) return id;
  SweepLedger sweeps(*session.store, session.ledger->clock());
  if (!sweeps.resolve(word).ok()) return id;
  return Error{Code::not_found, printable(word) + " is a sweep, and no job",
               "baton sweep show " + shell_quote(printable(word))};
}

Result<History> open_job(Session& session, const std::string& word) {
  BATON_ASSIGN(std::string id, resolve_job(session, word));
  return session.ledger->open(id);
}

Result<std::string> resolve_sweep(Session& session, const std::string& word) {
  SweepLedger sweeps(*session.store, session.ledger->clock());
  auto id = sweeps.resolve(word);
  if (!id.is(Code::not_found) || word == kLatest) return id;
  if (!session.ledger->resolve(word).ok()) return id;
  return Error{Code::not_found, printable(word) + " is a job, and no sweep",
               "baton show " + shell_quote(printable(word))};
}

void tell_nothing_stored(Context& context, const Error& error, const std::string& usual) {
  auto settings = load_settings(context.parts.environment, context.arguments.text("--store"));
  if (settings.ok() && settings->store_from != kDefaultStore)
    context.terminal.insist(error.message);
  else
    context.terminal.say(usual);
}

OpenBucket data_opener(Parts& parts) {
  return [&parts](const std::string& url) {
    return open_data(url, {parts.environment, parts.clock, ""});
  };
}

void set_talk(Context& context) {
  if (context.arguments.has("--quiet")) context.terminal.set_talk(Talk::quiet);
  if (context.arguments.has("--verbose")) context.terminal.set_talk(Talk::verbose);
}

}  // namespace baton
