#include "validate/formats/pickle.h"

#include <algorithm>
#include <doctest/doctest.h>

#include "tests/validate/formats/bytes.h"
#include "validate/formats/pickle_names.h"
#include "validate/formats/pickle_opcodes.h"

namespace mlctl::validate {
namespace {

using namespace std::string_literals;

struct Outcome {
  std::string summary;
  std::vector<std::string> found;
};
Outcome check(const std::string& bytes) {
  Input in{std::string_view(bytes)};
  Findings findings("m.pkl");
  auto summary = check_pickle(in, findings);
  return {summary, test::lines(findings)};
}

// SHORT_BINUNICODE
std::string text(const std::string& value) {
  return "\x8c" + std::string(1, static_cast<char>(value.size())) + value;
}

TEST_CASE("pickle: 68 opcodes are known, others are not") {
  int known = 0;
  for (int code = 0; code < 256; ++code)
    known += opcode(static_cast<std::uint8_t>(code)).effect == Effect::unknown ? 0 : 1;
  CHECK(known == 68);
}

TEST_CASE("pickle: data alone has no findings") {
  struct Case {
    std::string name;
    std::string bytes;
    const char* summary;
  };
  for (const auto& c : std::vector<Case>{
           {"protocol 0: a list of one number", "(lp0\nI1\na.", "protocol 0, imports nothing"},
           {"protocol 2: a dictionary", "\x80\x02}q\0(U\1aK\1U\1bK\2u."s, "protocol 2, imports nothing"},
           {"a list that holds itself", "\x80\x04]\x94h\0a."s, "protocol 4, imports nothing"},
           {"a harmless import", "\x80\2ccollections\nOrderedDict\nq\0)Rq\1."s,
            "protocol 2, imports collections.OrderedDict"},
           {"the module comes from the memo",
            "\x80\4"s + text("collections") + "\x94" + text("OrderedDict") + "\x93)R0h\0"s + text("deque") + "\x93)R.",
            "protocol 4, imports collections.OrderedDict, collections.deque"},
           {"two pickles, one after the other", "\x80\2K\1.\x80\2K\2.", "protocol 2, 2 pickles, imports nothing"},
       }) {
    CAPTURE(c.name);
    const auto outcome = check(c.bytes);
    CHECK(outcome.summary == c.summary);
    CHECK_MESSAGE(outcome.found.empty(), outcome.found.front());
  }
}

TEST_CASE("pickle: ways to run code, and known ways past scanners") {
  struct Case {
    std::string name;
    std::string bytes;
    const char* rule;
  };
  const auto os_system = "cos\nsystem\n(S'id'\ntR."s;
  for (const auto& c : std::vector<Case>{
           {"GLOBAL and REDUCE", os_system, "pickle-dangerous-import: imports `os.system` at byte 0 and calls it"},
           {"an import that nobody calls runs the module all the same", "cos\nsystem\n.",
            "pickle-dangerous-import: imports `os.system` at byte 0"},
           {"INST", "(S'id'\nios\nsystem\n.", "pickle-dangerous-import: imports `os.system` at byte 7 and calls it"},
           {"OBJ", "(cos\nsystem\nS'id'\no.", "pickle-dangerous-import: imports `os.system` at byte 1 and calls it"},
           {"OBJ and POP: the result is thrown away", "(cos\nsystem\nS'id'\no0N.",
            "pickle-dangerous-import: imports `os.system` at byte 1 and calls it"},
           {"NEWOBJ", "\x80\2csubprocess\nPopen\nU\2id\x85\x81.",
            "pickle-dangerous-import: imports `subprocess.Popen` at byte 2 and calls it"},
           {"NEWOBJ_EX", "\x80\4csubprocess\nPopen\n)}\x92.",
            "pickle-dangerous-import: imports `subprocess.Popen` at byte 2 and calls it"},
           {"STACK_GLOBAL", "\x80\4" + text("os") + text("system") + "\x93.",
            "pickle-dangerous-import: imports `os.system` at byte 14"},
           {"STACK_GLOBAL with names from the memo",
            "\x80\4"s + text("os") + "\x94" + text("system") + "\x94" + "00h\0h\1\x93."s,
            "pickle-dangerous-import: imports `os.system`"},
           {"STACK_GLOBAL with a name that is no string", "\x80\4" + text("os") + "K\1\x93.",
            "pickle-unresolved: at byte 8 it imports a name that is not written"},
           {"STACK_GLOBAL with an escaped name", "S'os'\nS'sys\\x74em'\n\x93.",
            "pickle-unresolved: at byte 19 it imports a name that is not written"},
           {"STACK_GLOBAL with a name from nowhere in the memo", "\x80\4h\7h\7\x93."s,
            "pickle-unresolved: at byte 6 it imports a name that is not written"},
           {"the extension registry", "\x80\2\x82\5)R.", "pickle-unresolved: at byte 2 it imports number 5"},
           {"calling what a call returned", "ccollections\nOrderedDict\n)R)R.",
            "pickle-unresolved: at byte 28 it calls what `collections.OrderedDict` returned"},
           {"BUILD on what was imported", "ccollections\nOrderedDict\n}b.",
            "pickle-unresolved: at byte 26 it changes attributes of `collections.OrderedDict`"},
           {"a dotted name reaches through a harmless module", "ccollections\n_sys.modules\n.",
            "pickle-dangerous-import: imports `collections._sys.modules`"},
           {"a harmless module's own import", "cnumpy\nos\n.", "pickle-dangerous-import: imports `numpy.os`"},
           {"a module below a dangerous one", "casyncio.unix_events\n_UnixSubprocessTransport\n.",
            "pickle-dangerous-import: imports `asyncio.unix_events"},
           {"Python 2's name of builtins", "c__builtin__\neval\n.",
            "pickle-dangerous-import: imports `__builtin__.eval`"},
           {"getattr through operator", "c_operator\nattrgetter\n.",
            "pickle-dangerous-import: imports `_operator.attrgetter`"},
           {"a name with a line end of another system", "cos\r\nsystem\n.",
            "pickle-dangerous-import: imports `os\r.system`"},
           {"an empty module", "c\nsystem\n.", "pickle-dangerous-import: imports `.system`"},
           {"pip as an import (CVE-2025-1716)", "cpip\nmain\n(S'install'\ntR.",
            "pickle-dangerous-import: imports `pip.main`"},
           {"a pickle behind the first one's STOP", "K\1." + os_system,
            "pickle-dangerous-import: imports `os.system` at byte 3"},
           {"a pickle in a pickle", "cpickle\nloads\n(S''\ntR.", "pickle-dangerous-import: imports `pickle.loads`"},
           {"torch's own way to load more", "ctorch.storage\n_load_from_bytes\n.",
            "pickle-dangerous-import: imports `torch.storage._load_from_bytes`"},
           {"the end comes before STOP", "cos\nsystem\n(S'id'\ntR",
            "pickle-dangerous-import: imports `os.system` at byte 0 and calls it"},
           {"an instruction that is none follows", "cos\nsystem\n(S'id'\ntR\xff",
            "pickle-dangerous-import: imports `os.system` at byte 0 and calls it"},
           {"an error at run time comes first: GET of nothing", "g99\n0" + os_system,
            "pickle-dangerous-import: imports `os.system`"},
           {"an error at run time comes first: an empty stack", "0" + os_system,
            "pickle-dangerous-import: imports `os.system`"},
           {"a frame that ends in the middle: pickle.load reads os.ystem", "\x80\4\x95\5\0\0\0\0\0\0\0cos\nsystem\n."s,
            "pickle-unresolved: at byte 11 it crosses the end of a frame"},
           {"a frame in a frame", "\x80\4\x95\x0b\0\0\0\0\0\0\0\x95\1\0\0\0\0\0\0\0NN."s,
            "pickle-unresolved: at byte 11 it crosses the end of a frame"},
           {"a frame that goes on behind STOP", "\x80\4\x95\x0b\0\0\0\0\0\0\0N.NNNNNNNNN"s,
            "pickle-unresolved: at byte 12 it crosses the end of a frame"},
           {"a memo key that only Python can read", "cos\nsystem\np 1_0\n.",
            "pickle-dangerous-import: imports `os.system`"},
           {"a class of one's own is unknown", "c__main__\nModel\n)\x81.",
            "pickle-unknown-import: imports `__main__.Model` at byte 0 and calls it"},
           {"a persistent id", "\x80\2U\1aQ.", "pickle-persistent-id: BINPERSID at byte 5"},
       }) {
    CAPTURE(c.name);
    const auto outcome = check(c.bytes);
    const bool told = std::any_of(outcome.found.begin(), outcome.found.end(),
                                  [&](const std::string& line) { return line.starts_with(c.rule); });
    CHECK_MESSAGE(told, (outcome.found.empty() ? "nothing was found" : outcome.found[0]));
  }
}

TEST_CASE("pickle: what the memo held before STOP is not believed after it") {
  // A loader with one memo for all pickles and one with a fresh memo would import different things here.
  const auto outcome = check("\x80\4"s + text("os") + "\x94." + "\x80\4"s + "h\0"s + text("system") + "\x93.");
  REQUIRE(outcome.found.size() == 1);
  CHECK(outcome.found[0].starts_with("pickle-unresolved"));
}

TEST_CASE("pickle: MEMOIZE counts from 0 again behind STOP, whatever the memo held before") {
  const auto outcome = check("\x80\4N\x94."s + text("os") + "\x94" + text("system") + "\x94" + "00h\0h\1\x93."s);
  REQUIRE(outcome.found.size() == 1);
  CHECK(outcome.found[0].starts_with("pickle-dangerous-import: imports `os.system`"));
}

// The largest memo costs five bytes, a STOP one: were the memo walked at each of them, this would take hours.
TEST_CASE("pickle: a million pickles behind the largest memo end as fast as they are read") {
  constexpr int pickles = 1 << 20;
  const std::string bytes = "Nr\xff\xff\x0f\0"s + std::string(pickles, '.');
  CHECK(check(bytes).summary == "protocol 0, " + std::to_string(pickles) + " pickles, imports nothing");
  Input in{std::string_view(bytes)};
  CHECK_FALSE(is_acting_pickle(in));
}

TEST_CASE("pickle: broken ones are told from trailing bytes") {
  CHECK(check("K\1").found == std::vector{"pickle-malformed: it ends without STOP"s});
  CHECK(check("\xff").found == std::vector{"pickle-malformed: byte 255 at 0 is no opcode"s});
  CHECK(check("\x80\7.").found == std::vector{"pickle-malformed: protocol 7 at 0 is not known"s});
  CHECK(check("X\xff\xff\xff\xff.").found ==
        std::vector{"pickle-malformed: the argument of BINUNICODE at 0 is cut off or impossible"s});
  CHECK(check("T\xff\xff\xff\xff.").found ==
        std::vector{"pickle-malformed: the argument of BINSTRING at 0 is cut off or impossible"s});
  CHECK(check("\x80\2K\1.\xff\xff\xff").found ==
        std::vector{"pickle-trailing-bytes: 3 bytes behind the last STOP, from byte 5"s});
  CHECK(check("0.").found == std::vector{"pickle-malformed: POP of nothing at byte 0"s});
}

TEST_CASE("pickle: a small one that describes more than a machine can hold") {
  std::string bomb = "(lp0\nI1\na";
  for (int i = 0; i < 50; ++i)
    bomb += "(lp" + std::to_string(i + 1) + "\ng" + std::to_string(i) + "\nag" + std::to_string(i) + "\na";
  const auto outcome = check(bomb + ".");
  REQUIRE(!outcome.found.empty());
  CHECK(outcome.found[0].starts_with("pickle-expansion"));
}

TEST_CASE("pickle: a memo that is numbered far beyond what is in it") {
  struct Case {
    std::string name;
    std::string bytes;
    bool told;
  };
  std::string gaps = "(l";  // as an old pickletools.optimize left them
  for (std::uint64_t i = 0; i < 5000; ++i) gaps += "Nr" + test::little(5 * i, 4) + "a";
  for (const auto& c : std::vector<Case>{
           {"LONG_BINPUT", "Nr\xff\xff\xff\x7f."s, true},
           {"PUT", "Np2147483647\n.", true},
           {"PUT of 2^64 - 1", "Np18446744073709551615\n.", true},
           {"within what the machine remembers too", "Nr\xff\xff\x0f\0."s, true},
           {"BINPUT cannot", "Nq\xff.", false},
           {"from one, with numbers left out", "(lp1\nNp7\na.", false},
           {"one number in five", gaps + ".", false},
       }) {
    CAPTURE(c.name);
    const auto outcome = check(c.bytes);
    const bool told = std::any_of(outcome.found.begin(), outcome.found.end(), [](const auto& line) {
      return line.starts_with("pickle-expansion: at byte 1 entry ");
    });
    CHECK(told == c.told);
  }
}

TEST_CASE("pickle: more of one kind than a report needs is counted") {
  std::string many;
  for (int i = 0; i < 30; ++i) many += "cos\nname" + std::to_string(i) + "\n0";
  const auto outcome = check(many + "N.");
  CHECK(outcome.found.size() == 21);
  CHECK(outcome.found.back() == "pickle-dangerous-import: and 10 more like these");
  CHECK(outcome.summary == "protocol 0, imports os.name0, os.name1, os.name2, os.name3, os.name4 and 25 more");
}

TEST_CASE("pickle: strings, stack and memo beyond the limits are unknown, not forgotten") {
  std::string deep = "\x80\4";
  for (int i = 0; i < (1 << 20) + 10; ++i) deep += 'N';
  const auto outcome = check(deep + text("os") + text("system") + "\x93)R.");
  REQUIRE(outcome.found.size() >= 2);
  CHECK(outcome.found[0].starts_with("pickle-unresolved"));
}

TEST_CASE("classify_import: known, unknown and dangerous") {
  CHECK(classify_import("numpy", "ndarray") == Import::harmless);
  CHECK(classify_import("numpy.core.multiarray", "_reconstruct") == Import::harmless);
  CHECK(classify_import("copy_reg", "_reconstructor") == Import::harmless);
  CHECK(classify_import("collections", "Ordered") == Import::unknown);
  CHECK(classify_import("mymodel", "Net") == Import::unknown);
  CHECK(classify_import("osmosis", "Net") == Import::unknown);
  CHECK(classify_import("os.path", "join") == Import::dangerous);
  CHECK(classify_import("builtins", "exec") == Import::dangerous);
  CHECK(classify_import("numpy.f2py", "crackfortran") == Import::dangerous);
  CHECK(classify_import("torch", "load") == Import::dangerous);
  CHECK(classify_import("a b", "c") == Import::dangerous);
}

TEST_CASE("is_acting_pickle: text is not, a pickle under another name is") {
  struct Case {
    std::string name;
    std::string bytes;
    bool expected;
  };
  for (const auto& c : std::vector<Case>{
           {"a sentence", "This model was trained on Monday.\n", false},
           {"a title that begins like PERSID", "Project\n.. note::\n", false},
           {"a title that begins like GLOBAL", "contents\n\n.. toctree::\n", false},
           {"two words that begin like GLOBAL", "configuration\nfoo\n.\n", false},
           {"JSON", "{\"a\": 1}", false},
           {"empty", "", false},
           {"data only", "\x80\2K\1.", false},
           {"a pickle that calls", "cos\nsystem\n(S'id'\ntR.", true},
           {"a pickle that calls and then breaks", "cos\nsystem\n(S'id'\ntR\xff\xff", true},
           {"a pickle that calls a class of its own", "c__main__\nA\n(tR.", true},
           {"a pickle that would raise first", "0cos\nsystem\n(S'id'\ntR.", false},
       }) {
    CAPTURE(c.name);
    Input in{std::string_view(c.bytes)};
    CHECK(is_acting_pickle(in) == c.expected);
  }
}

}  // namespace
}  // namespace mlctl::validate
