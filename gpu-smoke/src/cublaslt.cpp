#include "cublaslt.h"

#include <cstdint>
#include <cstring>
#include <dlfcn.h>

#include "cuda_support.h"

namespace gpu_smoke {
namespace {

using Handle = void*;
using Object = void*;

struct Heuristic {  // cublasLtMatmulHeuristicResult_t
  std::uint64_t algorithm[8];
  std::size_t workspace_bytes;
  int state;
  float waves;
  int reserved[4];
};

struct Api {
  const char* name;
  int (*create)(Handle*);
  int (*destroy)(Handle);
  int (*desc_create)(Object*, int compute_type, int scale_type);
  int (*desc_destroy)(Object);
  int (*desc_set)(Object, int attribute, const void*, std::size_t);
  int (*layout_create)(Object*, int type, std::uint64_t rows, std::uint64_t columns, std::int64_t leading);
  int (*layout_destroy)(Object);
  int (*preference_create)(Object*);
  int (*preference_destroy)(Object);
  int (*preference_set)(Object, int attribute, const void*, std::size_t);
  int (*heuristic)(Handle, Object, Object, Object, Object, Object, Object, int, Heuristic*, int*);
  int (*matmul)(Handle, Object, const void* alpha, const void* a, Object, const void* b, Object, const void* beta,
                const void* c, Object, void* d, Object, const void* algorithm, void* workspace, std::size_t,
                cudaStream_t);
};

constexpr int kTransposeA = 3;  // cublasLtMatmulDescAttributes_t
constexpr int kTransposeB = 4;
constexpr int kMaxWorkspace = 1;  // cublasLtMatmulPreferenceAttributes_t
constexpr std::int32_t kTransposed = 1;
constexpr std::int32_t kPlain = 0;
constexpr std::size_t kWorkspaceBytes = 64U << 20U;

// cudaDataType_t and cublasComputeType_t.
constexpr int kR32F = 0, kR64F = 1, kR16F = 2, kR8I = 3, kR32I = 10, kR16BF = 14, kR8FE4M3 = 28;
constexpr int kCompute32F = 68, kCompute64F = 70, kCompute32I = 72, kComputeTf32 = 77;

struct Types {
  int operand;
  int result;
  int compute;
  int scale;
};

Types types_of(DataType type, bool wide_result) {
  switch (type) {
    case DataType::fp64:
      return {kR64F, kR64F, kCompute64F, kR64F};
    case DataType::fp32:
      return {kR32F, kR32F, kCompute32F, kR32F};
    case DataType::tf32:
      return {kR32F, kR32F, kComputeTf32, kR32F};
    case DataType::fp16:
      return {kR16F, wide_result ? kR32F : kR16F, kCompute32F, kR32F};
    case DataType::bf16:
      return {kR16BF, wide_result ? kR32F : kR16BF, kCompute32F, kR32F};
    case DataType::fp8:
      return {kR8FE4M3, wide_result ? kR32F : kR16BF, kCompute32F, kR32F};
    case DataType::int8:
      break;
  }
  return {kR8I, kR32I, kCompute32I, kR32I};
}

template <class Function>
bool bind(void* library, const char* name, Function& function) {
  void* symbol = dlsym(library, name);
  std::memcpy(&function, &symbol, sizeof(symbol));
  return symbol != nullptr;
}

bool bind_all(void* library, Api& api) {
  return bind(library, "cublasLtCreate", api.create) && bind(library, "cublasLtDestroy", api.destroy) &&
         bind(library, "cublasLtMatmulDescCreate", api.desc_create) &&
         bind(library, "cublasLtMatmulDescDestroy", api.desc_destroy) &&
         bind(library, "cublasLtMatmulDescSetAttribute", api.desc_set) &&
         bind(library, "cublasLtMatrixLayoutCreate", api.layout_create) &&
         bind(library, "cublasLtMatrixLayoutDestroy", api.layout_destroy) &&
         bind(library, "cublasLtMatmulPreferenceCreate", api.preference_create) &&
         bind(library, "cublasLtMatmulPreferenceDestroy", api.preference_destroy) &&
         bind(library, "cublasLtMatmulPreferenceSetAttribute", api.preference_set) &&
         bind(library, "cublasLtMatmulAlgoGetHeuristic", api.heuristic) && bind(library, "cublasLtMatmul", api.matmul);
}

// Loaded once, kept for good: threads of its own may still run in it.
const Api* library() {
  static const Api* const loaded = []() -> const Api* {
    static Api apis[2]{};
    const char* const names[2] = {"libcublasLt.so.13", "libcublasLt.so.12"};
    const Api* bound = nullptr;
    for (int i = 0; i < 2; ++i) {
      Api& api = apis[i];
      api.name = names[i];
      void* handle = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
      if (handle == nullptr || !bind_all(handle, api)) continue;
      // One that is too new for the driver loads, and does not begin.
      if (Handle probe = nullptr; api.create(&probe) == 0) {
        api.destroy(probe);
        return &api;
      }
      if (bound == nullptr) bound = &api;  // perhaps this GPU is at fault, and another one may begin
    }
    return bound;
  }();
  return loaded;
}

// Row-major C = A * B with B held transposed is, in the library's column-major eyes, C' = B * A' with its first
// operand transposed and its second not: the one form that fp8 and int8 have.
class Plan final : public LtProduct {
 public:
  Plan(const Api& api, Types types, const Product& product) : api_(api), product_(product), types_(types) {}
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;
  ~Plan() override {
    if (preference_ != nullptr) api_.preference_destroy(preference_);
    for (Object layout : {first_, second_, result_}) {
      if (layout != nullptr) api_.layout_destroy(layout);
    }
    if (desc_ != nullptr) api_.desc_destroy(desc_);
    if (handle_ != nullptr) api_.destroy(handle_);
  }

  bool prepare() {
    const auto rows = static_cast<std::uint64_t>(product_.rows);
    const auto columns = static_cast<std::uint64_t>(product_.columns);
    const auto depth = static_cast<std::uint64_t>(product_.depth);
    const auto leading = static_cast<std::int64_t>(product_.depth);
    int found = 0;
    return workspace_.allocate(kWorkspaceBytes) == cudaSuccess && api_.create(&handle_) == 0 &&
           api_.desc_create(&desc_, types_.compute, types_.scale) == 0 &&
           api_.desc_set(desc_, kTransposeA, &kTransposed, sizeof(kTransposed)) == 0 &&
           api_.desc_set(desc_, kTransposeB, &kPlain, sizeof(kPlain)) == 0 &&
           api_.layout_create(&first_, types_.operand, depth, columns, leading) == 0 &&
           api_.layout_create(&second_, types_.operand, depth, rows, leading) == 0 &&
           api_.layout_create(&result_, types_.result, columns, rows, product_.columns) == 0 &&
           api_.preference_create(&preference_) == 0 &&
           api_.preference_set(preference_, kMaxWorkspace, &kWorkspaceBytes, sizeof(kWorkspaceBytes)) == 0 &&
           api_.heuristic(handle_, desc_, first_, second_, result_, result_, preference_, 1, &best_, &found) == 0 &&
           found > 0 && launch() == cudaSuccess && cudaDeviceSynchronize() == cudaSuccess;
  }

  cudaError_t launch() override {
    static constexpr float kOne32 = 1;
    static constexpr double kOne64 = 1;
    static constexpr std::int32_t kOneInt = 1;
    static constexpr std::uint64_t kZero = 0;  // zero in each of them
    const void* one = &kOne32;
    if (types_.scale == kR64F) one = &kOne64;
    if (types_.scale == kR32I) one = &kOneInt;
    const int status =
        api_.matmul(handle_, desc_, one, product_.b, first_, product_.a, second_, &kZero, product_.c, result_,
                    product_.c, result_, best_.algorithm, workspace_.as(), kWorkspaceBytes, nullptr);
    return status == 0 ? cudaSuccess : cudaErrorUnknown;
  }

 private:
  const Api& api_;
  Product product_;
  Types types_;
  DeviceBuffer workspace_;
  Handle handle_ = nullptr;
  Object desc_ = nullptr;
  Object first_ = nullptr;
  Object second_ = nullptr;
  Object result_ = nullptr;
  Object preference_ = nullptr;
  Heuristic best_{};
};

}  // namespace

std::unique_ptr<LtProduct> LtProduct::plan(DataType type, bool wide_result, const Product& product) {
  const Api* api = library();
  if (api == nullptr) return nullptr;
  auto plan = std::make_unique<Plan>(*api, types_of(type, wide_result), product);
  if (!plan->prepare()) return nullptr;
  return plan;
}

const char* cublaslt_name() {
  const Api* api = library();
  return api != nullptr ? api->name : nullptr;
}

}  // namespace gpu_smoke
