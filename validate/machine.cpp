#include "validate/machine.h"

#include <cstdlib>
#include <fstream>
#include <thread>

#include "base/terminal.h"

namespace mlctl::validate {

std::map<std::string, std::string> this_machine() {
  std::map<std::string, std::string> machine = {{"cores", std::to_string(std::thread::hardware_concurrency())},
                                                {"mlctl", MLCTL_VERSION}};
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    const auto colon = line.find(": ");
    if (line.rfind("model name", 0) != 0 || colon == std::string::npos) continue;
    machine["cpu"] = escape_control(line.substr(colon + 2));
    break;
  }
  double load = 0;
  if (getloadavg(&load, 1) == 1) machine["load"] = std::to_string(load).substr(0, 4);
  return machine;
}

}  // namespace mlctl::validate
