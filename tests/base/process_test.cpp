#include "base/process.h"

#include <chrono>
#include <csignal>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <fstream>
#include <functional>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <unistd.h>

#include "base/filesystem.h"
#include "base/interrupt.h"
#include "base/process_detail.h"
#include "tests/base/process_help.h"

using mlctl::ChildProcess;
using mlctl::Error;
using mlctl::ProcessSpec;
using mlctl::run_process;
using namespace std::chrono_literals;

namespace {

ProcessSpec shell(const std::string& script) {
  ProcessSpec spec;
  spec.command = {"sh", "-c", script};
  return spec;
}

bool eventually(const std::function<bool()>& holds) {
  for (const auto until = std::chrono::steady_clock::now() + 10s; std::chrono::steady_clock::now() < until;) {
    if (holds()) return true;
    std::this_thread::sleep_for(1ms);
  }
  return false;
}

bool lives(int pid) {
  const auto stat = mlctl::process_detail::read_stat(pid);
  return stat && stat->state != 'Z';
}

// The number that a child prints as its first line.
int first_number(const ChildProcess& child) {
  REQUIRE(eventually([&] { return child.output().find('\n') != std::string::npos; }));
  return std::stoi(child.output());
}

mlctl::TemporaryFolder temporary() {
  auto folder = mlctl::TemporaryFolder::create();
  REQUIRE(folder);
  return *std::move(folder);
}

}  // namespace

TEST_CASE("a process gives its exit code and its output") {
  struct Case {
    const char* name;
    const char* script;
    int code;
    const char* output;
  };
  const Case cases[] = {{"success", "echo out; echo err >&2", 0, "out\nerr\n"},
                        {"failure", "exit 7", 7, ""},
                        {"a signal", "kill -9 $$", 137, ""},
                        {"stdin is empty", "cat; echo end", 0, "end\n"},
                        {"no terminal", "(: < /dev/tty) 2>/dev/null && echo yes || echo no", 0, "no\n"}};
  for (const auto& c : cases) {
    CAPTURE(c.name);
    const auto result = run_process(shell(c.script), 10s);
    REQUIRE(result);
    CHECK(result->exit_code == c.code);
    CHECK(result->output == c.output);
  }
}

TEST_CASE("a process sees PATH, HOME, what it is given and nothing else") {
  ::setenv("MLCTL_TEST_SECRET", "secret", 1);
  ProcessSpec spec;
  spec.command = {"env"};
  spec.environment = {{"GIVEN", "a b"}, {"HOME", "/elsewhere"}};
  const auto result = run_process(spec, 10s);
  ::unsetenv("MLCTL_TEST_SECRET");
  REQUIRE(result);
  CHECK(result->output == std::string("GIVEN=a b\nHOME=/elsewhere\nPATH=") + ::getenv("PATH") + "\n");
}

TEST_CASE("a process starts in its folder, with its input, without our descriptors") {
  const auto folder = temporary();
  const mlctl::File leaky(::open("/dev/null", O_RDONLY));  // not close-on-exec
  // Of ls itself, whose fourth is the folder that it reads: the shell has its end of the pipe open for a moment.
  auto spec = shell("pwd; cat; ls /proc/self/fd | wc -l");
  spec.folder = folder.path();
  spec.input = std::string(200000, '\n') + "last\n";
  spec.output_limit = 500000;
  const auto result = run_process(spec, 10s);
  REQUIRE(result);
  CHECK(result->output == folder.path().string() + "\n" + spec.input + "4\n");
}

TEST_CASE("what cannot be started is an error that says why") {
  const auto folder = temporary();
  REQUIRE(mlctl::write_file(folder.path() / "plain", "no program\n", 0644));
  REQUIRE(mlctl::write_file(folder.path() / "headless", "echo hi\n", 0755));
  REQUIRE(mlctl::write_file(folder.path() / "lost", "#!/no/such/interpreter\n", 0755));
  struct Case {
    const char* name;
    std::string command;
    std::filesystem::path folder;
    const char* message;
  };
  const Case cases[] = {
      {"not in PATH", "mlctl-no-such-program", "", "program 'mlctl-no-such-program' not found in PATH"},
      {"an empty name", "", "", "program '' not found in PATH"},
      {"a path that does not exist", "./none", folder.path(), "cannot start './none': No such file"},
      {"not executable", "./plain", folder.path(), "cannot start './plain': Permission denied"},
      {"no first line", "./headless", folder.path(), "Exec format error"},
      {"no interpreter", "./lost", folder.path(), "No such file"},
      {"no folder", "true", folder.path() / "none", "cannot enter folder"},
      {"a NUL in an argument", std::string("a\0b", 3), "", "malformed"}};
  for (const auto& c : cases) {
    CAPTURE(c.name);
    ProcessSpec spec;
    spec.command = {c.command};
    spec.folder = c.folder;
    const auto result = run_process(spec, 10s);
    REQUIRE_FALSE(result);
    CHECK(result.error().message.find(c.message) != std::string::npos);
  }
}

TEST_CASE("gigabytes of output neither block nor fill: the first and the last half are kept") {
  auto spec = shell("echo begin; head -c 100000000 /dev/zero | tr '\\0' x; echo; echo end");
  spec.output_limit = 1000;
  const auto result = run_process(spec, 60s);
  REQUIRE(result);
  CHECK(result->output.size() < 1100);
  CHECK(result->output.substr(0, 8) == "begin\nxx");
  CHECK(result->output.find("\n… 99999011 bytes left out …\n") != std::string::npos);
  CHECK(result->output.substr(result->output.size() - 6) == "x\nend\n");
}

TEST_CASE("a process that does not end in time is ended, and its last words are told") {
  const auto result = run_process(shell("echo waiting for Godot; sleep 1000"), 3s);
  REQUIRE_FALSE(result);
  CHECK(result.error().kind == Error::Kind::timeout);
  CHECK(result.error().message == "'sh' did not end within 3 s\nwaiting for Godot");
}

TEST_CASE("a running child can be looked at and ended") {
  auto child = ChildProcess::start(shell("echo $$; sleep 1000"));
  REQUIRE(child);
  CHECK(first_number(*child) == child->pid());
  CHECK_FALSE(child->poll());
  CHECK(::getpgid(child->pid()) == child->pid());
  CHECK(::getsid(child->pid()) == child->pid());
  child->end();
  CHECK(child->poll() == 128 + SIGTERM);
  child->end();
}

TEST_CASE("a child that ends by itself keeps its code and all of its output") {
  auto child = ChildProcess::start(shell("head -c 50000 /dev/zero | tr '\\0' y; exit 3"));
  REQUIRE(child);
  REQUIRE(eventually([&] { return child->poll().has_value(); }));
  CHECK(child->poll() == 3);
  CHECK(child->output().size() == 50000);
}

TEST_CASE("a child that ignores SIGTERM is killed after the grace") {
  auto child = ChildProcess::start(shell("trap '' TERM; echo 1; while :; do sleep 1; done"));
  REQUIRE(child);
  first_number(*child);
  child->end(20ms);
  CHECK(child->poll() == 128 + SIGKILL);
}

TEST_CASE("grandchildren end with the child, also in groups of their own and when the child is gone already") {
  for (const char* script :
       {"sleep 1000 & echo $!; wait", "exec bash -c 'set -m; sleep 1000 & echo $!; wait'", "sleep 1000 & echo $!"}) {
    CAPTURE(script);
    auto child = ChildProcess::start(shell(script));
    REQUIRE(child);
    const int grandchild = first_number(*child);
    CHECK(lives(grandchild));
    child->end();
    CHECK(eventually([&] { return !lives(grandchild); }));
  }
}

TEST_CASE("children end when their object is replaced or goes") {
  int first = 0;
  int second = 0;
  {
    auto child = ChildProcess::start(shell("exec sleep 1000"));
    auto other = ChildProcess::start(shell("exec sleep 1000"));
    REQUIRE(child);
    REQUIRE(other);
    first = child->pid();
    second = other->pid();
    *child = *std::move(other);
    CHECK_FALSE(lives(first));
    CHECK(lives(second));
  }
  CHECK_FALSE(lives(second));
}

TEST_CASE("a record stands while the child lives") {
  const auto folder = temporary();
  const auto record = folder.path() / "server.pid";
  auto child = ChildProcess::start(shell("sleep 1000"), record);
  REQUIRE(child);
  CHECK(std::filesystem::exists(record));
  CHECK(*mlctl::end_leftovers(folder.path()) == 0);  // its parent lives: no leftover
  CHECK(lives(child->pid()));
  child->end();
  CHECK_FALSE(std::filesystem::exists(record));
  CHECK_FALSE(ChildProcess::start(shell("sleep 1000"), "/dev/null/record"));
}

TEST_CASE("kill -9 of the parent ends the child; what the child started is found and ended") {
  const auto folder = temporary();
  const auto pids = folder.path() / "pids";
  const auto records = folder.path() / "records";
  std::optional<mlctl::Result<ChildProcess>> child;
  mlctl::test::Fork parent([&] {
    // The grandchild outlives the child: nothing tells it that its parent has died.
    child.emplace(ChildProcess::start(shell("sleep 1000 & echo $$ $! > " + pids.string() + ".new; mv " + pids.string() +
                                            ".new " + pids.string() + "; wait"),
                                      records / "server.pid"));
  });
  REQUIRE(eventually([&] { return std::filesystem::exists(pids); }));
  int leader = 0;
  int grandchild = 0;
  std::ifstream(pids) >> leader >> grandchild;
  CHECK(lives(leader));
  CHECK(lives(grandchild));
  parent.kill();
  CHECK(eventually([&] { return !lives(leader); }));
  CHECK(lives(grandchild));
  const auto ended = mlctl::end_leftovers(records);
  REQUIRE(ended);
  CHECK(*ended == 1);
  CHECK_FALSE(lives(grandchild));
  CHECK(std::filesystem::is_empty(records));
  CHECK(*mlctl::end_leftovers(records) == 0);
}

TEST_CASE("a record whose pid belongs to another process now ends nobody") {
  const auto folder = temporary();
  auto bystander = ChildProcess::start(shell("sleep 1000"), folder.path() / "record");
  REQUIRE(bystander);
  auto text = mlctl::read_file(folder.path() / "record", 4096);
  REQUIRE(text);
  std::istringstream in(*text);
  std::string title, version, pid, start, parent, parent_start, machine;
  in >> title >> version >> pid >> start >> parent >> parent_start >> machine;
  const auto write = [&](const std::string& child_start, const std::string& where) {
    const auto forged = title + " " + version + "\n" + pid + " " + child_start + "\n" + parent + " 1\n" + where + "\n";
    REQUIRE(mlctl::write_file(folder.path() / "record", forged));
  };
  write("1", machine);  // an older process had that pid
  CHECK(*mlctl::end_leftovers(folder.path()) == 0);
  CHECK_FALSE(std::filesystem::exists(folder.path() / "record"));
  write(start, "another-boot/pid:[1]");
  CHECK(*mlctl::end_leftovers(folder.path()) == 0);
  CHECK(lives(bystander->pid()));
  write(start, machine);  // the same process, its parent gone
  CHECK(*mlctl::end_leftovers(folder.path()) == 1);
  CHECK_FALSE(lives(bystander->pid()));
}

TEST_CASE("files that are no records stay as they are") {
  const auto folder = temporary();
  for (const char* text :
       {"", "mlctl-child 1\n", "mlctl-child 1\n-1 5\n3 4\nx\n", "mlctl-child 1\n1 5\n3 4\nx\n", "hello"}) {
    CAPTURE(text);
    REQUIRE(mlctl::write_file(folder.path() / "f", text));
    CHECK(*mlctl::end_leftovers(folder.path()) == 0);
    CHECK(std::filesystem::exists(folder.path() / "f"));
  }
  CHECK(*mlctl::end_leftovers(folder.path() / "none") == 0);
}

TEST_CASE("Ctrl-C ends a process that is waited for") {
  const int code = mlctl::test::in_fork([] {
    mlctl::install_interrupt_handlers();
    ProcessSpec spec = shell("kill -INT " + std::to_string(::getpid()) + "; sleep 1000");
    const auto result = run_process(spec, 60s);
    return !result && result.error().kind == Error::Kind::interrupted ? 0 : 1;
  });
  CHECK(code == 0);
}
