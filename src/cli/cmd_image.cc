#include <unistd.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/session.h"
#include "cli/submit_job.h"
#include "cli/table.h"
#include "control/inspect.h"
#include "control/plan.h"

namespace baton {
namespace {

Result<std::unique_ptr<Images>> open_images(Context& context) {
  BATON_ASSIGN(Settings settings, load_settings(context.parts.environment, ""));
  return context.parts.make_images(settings.home);
}

std::string what(const Json& record) {
  std::string text = get_string(record, "form") + " " + get_string(record, "suite");
  return std::string(trim(text));
}

Result<int> build(Context& context) {
  set_talk(context);
  PlanRequest request;
  request.spec = context.arguments.text("SPEC", ".");
  auto job = read_spec(request);
  if (!job) return refuse_usage(context, job.error());
  BATON_ASSIGN(auto images, open_images(context));
  TerminalProgress progress(context.terminal);
  auto image = images->ensure(job->spec.image, progress);
  progress.finish("");
  if (!image) return image.error();
  context.terminal.print(context.arguments.has("--json")
                             ? pretty_json(Json{{"id", image->id}, {"record", image->record}})
                             : image->id + "\n");
  return 0;
}

Result<int> list(Context& context) {
  BATON_ASSIGN(auto images, open_images(context));
  BATON_ASSIGN(auto infos, images->list());
  if (context.arguments.has("--json")) {
    Json json = Json::array();
    for (const auto& info : infos)
      json.push_back(Json{{"id", info.id},
                          {"size", info.size},
                          {"created_at", iso_time_ms(info.created_ms)},
                          {"used_at", iso_time_ms(info.used_ms)},
                          {"record", info.record}});
    context.terminal.print(pretty_json(json));
    return 0;
  }
  if (context.arguments.has("--ids")) {
    for (const auto& info : infos) context.terminal.print(info.id.substr(0, 12) + "\n");
    return 0;
  }
  if (infos.empty()) {
    context.terminal.say(
        "there are no images on this machine; `baton image build` makes a spec's image");
    return 0;
  }
  Table table({"IMAGE", "WHAT", "SIZE", "CREATED", "USED"});
  int64_t now = context.parts.clock.wall_ms();
  for (const auto& info : infos)
    table.add({info.id.substr(0, 12), what(info.record), human_size(info.size),
               age(info.created_ms, now), age(info.used_ms, now)});
  context.terminal.print(table.text(context.terminal));
  return 0;
}

// The ids of images that jobs of the store will need again.
Result<std::vector<std::string>> needed(Context& context) {
  auto session = open_session(context);
  if (session.is(Code::not_found)) return std::vector<std::string>();
  if (!session.ok()) return session.error();
  BATON_ASSIGN(auto records, images_in_need(*session->ledger));
  std::vector<std::string> ids;
  for (const auto& record : records) ids.push_back(image_id(record));
  return ids;
}

Result<int> remove_unused(Context& context, Images& images) {
  BATON_ASSIGN(auto keep, needed(context));
  BATON_ASSIGN(auto removed, images.remove_unused(keep));
  for (const auto& id : removed) context.terminal.say("removed image " + id.substr(0, 12));
  if (removed.empty()) context.terminal.say("every image here is in use, or there is none");
  return 0;
}

Result<int> remove(Context& context) {
  set_talk(context);
  bool unused = context.arguments.has("--unused");
  if (unused != context.arguments.all("IMAGE").empty())
    return refuse_usage(context,
                        Error{Code::invalid, "baton image rm needs either IMAGE or --unused",
                              "baton image ls lists images"});
  BATON_ASSIGN(auto images, open_images(context));
  if (unused) return remove_unused(context, *images);
  for (const auto& id : context.arguments.all("IMAGE")) {
    BATON_TRY(images->remove(id));
    context.terminal.say("removed image " + printable(id));
  }
  return 0;
}

}  // namespace

Command image_build_command() {
  Command command;
  command.name = "image build";
  command.summary = "make a spec's image now, so that runs start at once";
  command.examples =
      "  baton image build\n"
      "  baton image build cnn.yaml --json\n";
  command.positionals = spec_positionals();
  command.options = {json_option(), quiet_option(), verbose_option()};
  command.run = build;
  return command;
}

Command image_ls_command() {
  Command command;
  command.name = "image ls";
  command.summary = "list the images on this machine";
  command.examples =
      "  baton image ls\n"
      "  baton image rm $(baton image ls --ids)\n";
  command.options = {{"--ids", "-i", "", "print ids only, one a line"}, json_option()};
  command.run = list;
  return command;
}

Command image_rm_command() {
  Command command;
  command.name = "image rm";
  command.summary = "remove images; jobs make theirs again when they need it";
  command.details =
      "--unused removes every image that no container runs in and that no pending, running or "
      "stopped\n"
      "job of the store needs. Other stores' waiting jobs make theirs again.";
  command.examples =
      "  baton image rm 3f9a0c12\n"
      "  baton image rm --unused\n";
  command.positionals = {{"IMAGE", "an id, or the beginning of one", Names::image, false, true}};
  command.options = {{"--unused", "-u", "", "remove all that no unfinished job needs"},
                     store_option(),
                     quiet_option()};
  command.run = remove;
  return command;
}

}  // namespace baton
