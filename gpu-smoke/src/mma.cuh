// One tensor-core step: c += a * b for 16 rows, 8 columns and 32 bytes along k (16 for fp64: see below).
//
// In all 32-bit-word types the operands lie alike in a warp (PTX ISA, "Matrix Fragments for mma"): lane l holds, of
// rows l/4 (a0, a2) and l/4+8 (a1, a3) of A and of column l/4 of B (b0, b1), word l%4 of the first (a0, a1, b0) and
// of the second 16 bytes (a2, a3, b1); and of C, in rows l/4 (c0, c1) and l/4+8 (c2, c3), columns 2*(l%4) and +1.
// fp64: a0 and a2, a1 and a3, b0 and b1 are the low and high words of one number at k = l%4.
#pragma once

#include "data_type.h"

namespace gpu_smoke {

template <DataType type>
struct ResultOf {
  using Type = float;
};
template <>
struct ResultOf<DataType::int8> {
  using Type = int;
};
template <>
struct ResultOf<DataType::fp64> {
  using Type = double;
};
template <DataType type>
using Result = typename ResultOf<type>::Type;

#ifdef __CUDACC__

#ifdef __CUDA_ARCH__
#define GPU_SMOKE_ARCH __CUDA_ARCH__
#else
#define GPU_SMOKE_ARCH 0
#endif

#define GPU_SMOKE_MMA(shape_and_types)                                                                      \
  asm volatile("mma.sync.aligned." shape_and_types " {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};" \
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])                                             \
               : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1))

__device__ inline void mma_fp16(float* c, unsigned a0, unsigned a1, unsigned a2, unsigned a3, unsigned b0,
                                unsigned b1) {
#if GPU_SMOKE_ARCH >= 800
  GPU_SMOKE_MMA("m16n8k16.row.col.f32.f16.f16.f32");
#elif GPU_SMOKE_ARCH >= 750
  // Turing's step is half as deep.
  asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5}, {%6}, {%0,%1,%2,%3};"
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
               : "r"(a0), "r"(a1), "r"(b0));
  asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5}, {%6}, {%0,%1,%2,%3};"
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
               : "r"(a2), "r"(a3), "r"(b1));
#endif
}

__device__ inline void mma_int8(int* c, unsigned a0, unsigned a1, unsigned a2, unsigned a3, unsigned b0, unsigned b1) {
#if GPU_SMOKE_ARCH >= 800
  asm volatile("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])
               : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
#elif GPU_SMOKE_ARCH >= 750
  // Turing's step has half the rows and half the depth.
  const unsigned a[4] = {a0, a2, a1, a3};
  const unsigned b[2] = {b0, b1};
  for (int part = 0; part < 4; ++part) {
    asm volatile("mma.sync.aligned.m8n8k16.row.col.s32.s8.s8.s32 {%0,%1}, {%2}, {%3}, {%0,%1};"
                 : "+r"(c[part / 2 * 2]), "+r"(c[part / 2 * 2 + 1])
                 : "r"(a[part]), "r"(b[part % 2]));
  }
#endif
}

__device__ inline void mma_fp64(double* c, unsigned a0, unsigned a1, unsigned a2, unsigned a3, unsigned b0,
                                unsigned b1) {
#if GPU_SMOKE_ARCH >= 800
  const double b = __hiloint2double(static_cast<int>(b1), static_cast<int>(b0));
  const double low = __hiloint2double(static_cast<int>(a2), static_cast<int>(a0));
  const double high = __hiloint2double(static_cast<int>(a3), static_cast<int>(a1));
  asm volatile("mma.sync.aligned.m8n8k4.row.col.f64.f64.f64.f64 {%0,%1}, {%2}, {%3}, {%0,%1};"
               : "+d"(c[0]), "+d"(c[1])
               : "d"(low), "d"(b));
  asm volatile("mma.sync.aligned.m8n8k4.row.col.f64.f64.f64.f64 {%0,%1}, {%2}, {%3}, {%0,%1};"
               : "+d"(c[2]), "+d"(c[3])
               : "d"(high), "d"(b));
#endif
}

// Nothing where the chip lacks the type: the host asks supports() first.
template <DataType type>
__device__ inline void mma(Result<type>* c, unsigned a0, unsigned a1, unsigned a2, unsigned a3, unsigned b0,
                           unsigned b1) {
  if constexpr (type == DataType::fp64) {
    mma_fp64(c, a0, a1, a2, a3, b0, b1);
  } else if constexpr (type == DataType::int8) {
    mma_int8(c, a0, a1, a2, a3, b0, b1);
  } else if constexpr (type == DataType::fp16) {
    mma_fp16(c, a0, a1, a2, a3, b0, b1);
  } else if constexpr (type == DataType::bf16) {
#if GPU_SMOKE_ARCH >= 800
    GPU_SMOKE_MMA("m16n8k16.row.col.f32.bf16.bf16.f32");
#endif
  } else if constexpr (type == DataType::tf32) {
#if GPU_SMOKE_ARCH >= 800
    GPU_SMOKE_MMA("m16n8k8.row.col.f32.tf32.tf32.f32");
#endif
  } else if constexpr (type == DataType::fp8) {
#if GPU_SMOKE_ARCH >= 890 && CUDART_VERSION >= 12040
    GPU_SMOKE_MMA("m16n8k32.row.col.f32.e4m3.e4m3.f32");
#endif
  }
}

__device__ inline unsigned sm_id() {
  unsigned id = 0;
  asm volatile("mov.u32 %0, %%smid;" : "=r"(id));
  return id;
}

#endif

}  // namespace gpu_smoke
