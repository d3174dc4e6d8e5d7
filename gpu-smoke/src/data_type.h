// The number formats that GPUs multiply in.
#pragma once

#include <array>
#include <string_view>

namespace gpu_smoke {

enum class DataType { fp64, fp32, tf32, fp16, bf16, fp8, int8 };

struct DataTypeInfo {
  DataType type;
  const char* name;
  int bytes;               // of one element of an operand
  int minimum_capability;  // 10 * major + minor; below, the chip has no units for it
};

// fp8 is e4m3.
inline constexpr std::array<DataTypeInfo, 7> kDataTypes = {{
    {DataType::fp64, "fp64", 8, 0},
    {DataType::fp32, "fp32", 4, 0},
    {DataType::tf32, "tf32", 4, 80},
    {DataType::fp16, "fp16", 2, 70},
    {DataType::bf16, "bf16", 2, 80},
    {DataType::fp8, "fp8", 1, 89},
    {DataType::int8, "int8", 1, 72},
}};

[[nodiscard]] constexpr const DataTypeInfo& info(DataType type) {
  return kDataTypes[static_cast<std::size_t>(type)];
}
[[nodiscard]] constexpr bool supports(int major, int minor, DataType type) {
  return 10 * major + minor >= info(type).minimum_capability;
}

}  // namespace gpu_smoke
