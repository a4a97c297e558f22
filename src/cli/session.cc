#include "cli/session.h"

#include "os/files.h"
#include "store/open_store.h"

namespace baton {
namespace {

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

Result<History> open_job(Session& session, const std::string& word) {
  BATON_ASSIGN(std::string id, session.ledger->resolve(word));
  return session.ledger->open(id);
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
