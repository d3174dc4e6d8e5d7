#include "validate/formats/pickle_names.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace mlctl::validate {
namespace {

using std::string_view;

// Everything in these modules, and in modules below them.
constexpr std::array dangerous_modules{
    string_view("_aix_support"),
    string_view("_ctypes"),
    string_view("_frozen_importlib"),
    string_view("_imp"),
    string_view("_io"),
    string_view("_osx_support"),
    string_view("_pickle"),
    string_view("_posixsubprocess"),
    string_view("_pyrepl"),
    string_view("_socket"),
    string_view("_thread"),
    string_view("aiohttp"),
    string_view("antigravity"),
    string_view("asyncio"),
    string_view("atexit"),
    string_view("bdb"),
    string_view("cPickle"),
    string_view("cProfile"),
    string_view("cloudpickle"),
    string_view("cmd"),
    string_view("code"),
    string_view("codeop"),
    string_view("commands"),
    string_view("concurrent"),
    string_view("ctypes"),
    string_view("dill"),
    string_view("distutils"),
    string_view("doctest"),
    string_view("ensurepip"),
    string_view("ftplib"),
    string_view("gc"),
    string_view("glob"),
    string_view("http"),
    string_view("httplib"),
    string_view("httpx"),
    string_view("idlelib"),
    string_view("imaplib"),
    string_view("imp"),
    string_view("importlib"),
    string_view("inspect"),
    string_view("io"),
    string_view("joblib"),
    string_view("lib2to3"),
    string_view("linecache"),
    string_view("logging"),
    string_view("marshal"),
    string_view("multiprocessing"),
    string_view("nt"),
    string_view("numpy.f2py"),
    string_view("numpy.testing"),
    string_view("numpy.distutils"),
    string_view("os"),
    string_view("pandas.core.computation"),
    string_view("pandas.io"),
    string_view("pathlib"),
    string_view("pdb"),
    string_view("pickle"),
    string_view("pip"),
    string_view("pkgutil"),
    string_view("platform"),
    string_view("poplib"),
    string_view("posix"),
    string_view("posixpath"),
    string_view("profile"),
    string_view("pty"),
    string_view("py_compile"),
    string_view("pydoc"),
    string_view("requests"),
    string_view("resource"),
    string_view("rlcompleter"),
    string_view("runpy"),
    string_view("sched"),
    string_view("setuptools"),
    string_view("shelve"),
    string_view("shutil"),
    string_view("signal"),
    string_view("site"),
    string_view("smtplib"),
    string_view("socket"),
    string_view("socketserver"),
    string_view("sqlite3"),
    string_view("ssl"),
    string_view("subprocess"),
    string_view("sys"),
    string_view("sysconfig"),
    string_view("tempfile"),
    string_view("telnetlib"),
    string_view("test"),
    string_view("thread"),
    string_view("threading"),
    string_view("timeit"),
    string_view("torch._dynamo"),
    string_view("torch._inductor"),
    string_view("torch.distributed"),
    string_view("torch.fx"),
    string_view("torch.hub"),
    string_view("torch.jit"),
    string_view("torch.package"),
    string_view("torch.serialization"),
    string_view("torch.testing"),
    string_view("torch.utils.bottleneck"),
    string_view("torch.utils.collect_env"),
    string_view("torch.utils.cpp_extension"),
    string_view("torch.utils.data.datapipes"),
    string_view("torch.utils._config_module"),
    string_view("trace"),
    string_view("unittest"),
    string_view("urllib"),
    string_view("urllib2"),
    string_view("uuid"),
    string_view("venv"),
    string_view("webbrowser"),
    string_view("xmlrpc"),
    string_view("zipimport"),
};

struct Names {
  string_view module;
  string_view names;  // separated and surrounded by one space
};

constexpr std::array dangerous_names{
    Names{"builtins",
          " __import__ __build_class__ apply breakpoint compile delattr dir eval exec execfile exit file "
          "getattr globals help input intern locals open print quit reload setattr vars "},
    Names{"copyreg", " add_extension constructor pickle "},
    Names{"functools", " cached_property partial partialmethod reduce singledispatch "},
    Names{"numpy", " fromfile fromregex genfromtxt load loadtxt memmap save savetxt tofile "},
    Names{"operator", " attrgetter call itemgetter methodcaller "},
    Names{"pandas", " eval read_pickle "},
    Names{"torch", " load compile "},
    Names{"torch.storage", " _load_from_bytes "},
    Names{"types", " CodeType FunctionType LambdaType MethodType "},
    Names{"codecs", " open EncodedFile "},
};

constexpr std::array harmless_names{
    Names{"_codecs", " encode "},
    Names{"builtins", " bool bytearray bytes complex dict float frozenset int list object range set slice str tuple "},
    Names{"collections", " Counter OrderedDict defaultdict deque "},
    Names{"copyreg", " _reconstructor "},
    Names{"datetime", " date datetime time timedelta timezone "},
    Names{"decimal", " Decimal "},
    Names{"fractions", " Fraction "},
    Names{"numpy",
          " bool_ complex128 complex64 dtype float16 float32 float64 int16 int32 int64 int8 ndarray uint16 "
          "uint32 uint64 uint8 "},
    Names{"numpy.core.multiarray", " _reconstruct scalar "},
    Names{"numpy._core.multiarray", " _reconstruct scalar "},
    Names{"numpy.core.numeric", " _frombuffer "},
    Names{"numpy._core.numeric", " _frombuffer "},
    Names{"numpy.dtypes",
          " Float16DType Float32DType Float64DType Int16DType Int32DType Int64DType Int8DType "
          "UInt16DType UInt32DType UInt64DType UInt8DType BoolDType ObjectDType StrDType "},
    Names{"scipy.sparse._csr", " csr_array csr_matrix "},
    Names{"scipy.sparse._csc", " csc_array csc_matrix "},
    Names{"torch",
          " BFloat16Storage BoolStorage ByteStorage CharStorage DoubleStorage FloatStorage HalfStorage IntStorage "
          "LongStorage ShortStorage Size bfloat16 bool device float16 float32 float64 int16 int32 int64 int8 uint8 "},
    Names{"torch._utils", " _rebuild_parameter _rebuild_tensor _rebuild_tensor_v2 "},
    Names{"torch.nn.parameter", " Parameter "},
};

// Python 3 reads Python 2's names so (fix_imports).
string_view modern(string_view module) {
  constexpr std::array renamed{
      std::pair<string_view, string_view>{"__builtin__", "builtins"},
      std::pair<string_view, string_view>{"copy_reg", "copyreg"},
      std::pair<string_view, string_view>{"_operator", "operator"},
      std::pair<string_view, string_view>{"_functools", "functools"},
  };
  for (const auto& [old, now] : renamed) {
    if (module == old) return now;
  }
  return module;
}

bool is_below(string_view module, string_view parent) {
  return module.starts_with(parent) && (module.size() == parent.size() || module[parent.size()] == '.');
}

template <typename Table>
bool listed(const Table& table, string_view module, string_view name) {
  for (const auto& row : table) {
    if (row.module != module) continue;
    for (auto at = row.names.find(name); at != string_view::npos; at = row.names.find(name, at + 1)) {
      if (row.names[at - 1] == ' ' && row.names[at + name.size()] == ' ') return true;
    }
  }
  return false;
}

}  // namespace

bool is_plain_name(string_view name) {
  return !name.empty() && (name.front() < '0' || name.front() > '9') &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
         });
}

Import classify_import(string_view raw_module, string_view name) {
  if (!is_plain_name(raw_module) || !is_plain_name(name) || name.find('.') != string_view::npos)
    return Import::dangerous;
  const auto module = modern(raw_module);
  if (listed(harmless_names, module, name)) return Import::harmless;
  const bool whole = std::any_of(dangerous_modules.begin(), dangerous_modules.end(),
                                 [&](string_view parent) { return is_below(module, parent); });
  if (whole || listed(dangerous_names, module, name)) return Import::dangerous;
  // A module is a door to all that it imported itself: "numpy" has an attribute "os".
  const bool door = std::find(dangerous_modules.begin(), dangerous_modules.end(), name) != dangerous_modules.end();
  return door ? Import::dangerous : Import::unknown;
}

}  // namespace mlctl::validate
