// The seams to the machine. Behind them: libnvidia-ml.so.1 (nvml_library.cpp) and the CUDA runtime
// (cuda_machine.cpp, or cuda_absent.cpp in a host-only build). Neither throws; what fails is in the data.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "evidence.h"
#include "gemm_problem.h"

namespace gpu_smoke {

// One look at a GPU at work.
struct Sample {
  Reading<std::uint64_t> clocks_event_reasons;
  Reading<unsigned> power_mw;
  Reading<unsigned> temperature_celsius;
  Reading<unsigned> sm_mhz;
  Reading<unsigned> pcie_generation;
  Reading<unsigned> pcie_width;
  Reading<std::uint64_t> hw_thermal_ns;
  Reading<std::uint64_t> power_brake_ns;
};

class Nvml {
 public:
  virtual ~Nvml() = default;
  // Loads, initialises and lists; health is read apart. Called once.
  virtual NvmlNode open() = 0;
  virtual Health read_health(unsigned index) = 0;
  virtual NvmlFacts read_facts(unsigned index) = 0;
  // Cheap; called ten times a second from a thread of its own.
  virtual Sample sample(unsigned index) = 0;
};

// Everything but built() and open() is called from one thread per GPU, blocks until the GPU has answered, and
// frees what it allocated. A hung GPU is the caller's watchdog's business.
class Cuda {
 public:
  virtual ~Cuda() = default;
  // False in a host-only build, which has no CUDA to ask.
  [[nodiscard]] virtual bool built() const = 0;
  // Counts and describes the GPUs; creates no context. Called once.
  virtual CudaNode open() = 0;
  // Creates the context and has a first tiny kernel answer.
  virtual FirstKernel start(int ordinal) = 0;
  // One product on the integer units, compared on the CPU.
  virtual GemmRun run_gemm(int ordinal, const GemmProblem& problem) = 0;
  // The same in another type, on tensor cores where the chip has them for it, until every SM had a part.
  virtual GemmRun run_exact(int ordinal, DataType type, const GemmProblem& problem) = 0;
  // Patterns over at least nine tenths of the free memory.
  virtual MemoryRun test_memory(int ordinal) = 0;
  virtual BandwidthRun measure_transfer(int ordinal, bool to_device) = 0;
  virtual BandwidthRun measure_copy(int ordinal) = 0;
  virtual SpeedRun measure_speed(int ordinal, DataType type) = 0;
  // Multiplies `problem` over and over and checks every result on the GPU, by element and by digest.
  virtual SustainedRun sustain(int ordinal, double seconds, const GemmProblem& problem) = 0;
  virtual PeerRun measure_peer(int from, int to) = 0;
};

// dlopen("libnvidia-ml.so.1"): the driver's file name, never the toolkit's stub.
[[nodiscard]] std::unique_ptr<Nvml> make_nvml();
[[nodiscard]] std::unique_ptr<Cuda> make_cuda();

// "0000:C1:00.0" and "00000000:c1:00.0" name the same device: both become "00000000:c1:00".
// Empty when the text is no bus id.
[[nodiscard]] std::string normal_bus_id(const std::string& text);
// Printable ASCII only: what a driver calls itself must not reach a terminal or JSON unchecked.
[[nodiscard]] std::string printable(const char* text, std::size_t limit);

}  // namespace gpu_smoke
