#include "cli/globals.h"

namespace mlctl::cli {

std::vector<Option> global_options(Globals& globals) {
  return {
      {.name = "project",
       .value = "DIR",
       .help = "where the search for mlctl.yaml begins, upwards",
       .target = &globals.project,
       .path = true},
      {.name = "output",
       .letter = 'o',
       .value = "FORMAT",
       .help = "how results are written: text, json or yaml",
       .target = &globals.output,
       .choices = {"text", "json", "yaml"}},
      {.name = "quiet", .letter = 'q', .help = "results and errors only", .target = &globals.quiet},
      {.name = "verbose", .help = "say more about what is done", .target = &globals.verbose},
      {.name = "no-progress", .help = "no progress lines", .target = &globals.no_progress},
      {.name = "plain-http",
       .help = "speak to oci:// registries without TLS, also to those on this machine",
       .target = &globals.plain_http},
      {.name = "ca-file",
       .value = "FILE",
       .help = "trust the certificates in FILE (PEM) instead of the system's",
       .target = &globals.ca_file,
       .path = true},
      {.name = "stall-timeout",
       .value = "DURATION",
       .help = "how long an oci:// registry may be silent before the request is tried again; default: 60s",
       .target = &globals.stall_timeout},
      {.name = "timeout",
       .value = "DURATION",
       .help = "how long oci:// registries may take for the whole command; default: as long as it goes forward",
       .target = &globals.timeout},
  };
}

Option dry_run_option(Globals& globals) {
  return {.name = "dry-run", .help = "say what would be done, change nothing", .target = &globals.dry_run};
}

void apply(const Globals& globals, Context& context) {
  context.project = globals.project;
  context.format = globals.output == "json"   ? OutputFormat::json
                   : globals.output == "yaml" ? OutputFormat::yaml
                                              : OutputFormat::text;
  context.quiet = globals.quiet;
  context.verbose = globals.verbose;
  context.no_progress = globals.no_progress;
  context.dry_run = globals.dry_run;
  context.plain_http = globals.plain_http;
  context.ca_file = globals.ca_file;
  context.stall_timeout = globals.stall_timeout;
  context.timeout = globals.timeout;
}

std::string variable_of(const Option& option) {
  if (!option.variable.empty()) return option.variable;
  std::string name = "MLCTL_";
  for (const char c : option.name) name += c == '-' ? '_' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  return name;
}

}  // namespace mlctl::cli
