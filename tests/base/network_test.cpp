#include "base/network.h"

#include <doctest/doctest.h>
#include <set>

TEST_CASE("free ports are as many as asked for, all different, none privileged") {
  const auto ports = mlctl::free_loopback_ports(20);
  REQUIRE(ports);
  const std::set<std::uint16_t> different(ports->begin(), ports->end());
  CHECK(different.size() == 20);
  CHECK(*different.begin() >= 1024);
  CHECK(mlctl::free_loopback_ports(0)->empty());
}
