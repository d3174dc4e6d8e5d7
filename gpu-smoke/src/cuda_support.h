// Small owners of CUDA resources, and the habit of every run: call after call until one fails, and name that one.
#pragma once

#include <cstddef>
#include <cuda_runtime_api.h>
#include <functional>

#include "evidence.h"

namespace gpu_smoke {

class Steps {
 public:
  explicit Steps(Outcome& outcome) : outcome_(outcome) {}
  // False, with the call's name kept, when it failed.
  bool ok(const char* step, cudaError_t code) {
    outcome_.code = code;
    outcome_.step = code == cudaSuccess ? "" : step;
    return code == cudaSuccess;
  }

 private:
  Outcome& outcome_;
};

class DeviceBuffer {
 public:
  DeviceBuffer() = default;
  DeviceBuffer(const DeviceBuffer&) = delete;
  DeviceBuffer& operator=(const DeviceBuffer&) = delete;
  DeviceBuffer(DeviceBuffer&& other) noexcept : data_(other.data_) { other.data_ = nullptr; }
  ~DeviceBuffer() { cudaFree(data_); }
  cudaError_t allocate(std::size_t bytes) { return cudaMalloc(&data_, bytes); }
  template <class T = void>
  [[nodiscard]] T* as() const {
    return static_cast<T*>(data_);
  }

 private:
  void* data_ = nullptr;
};

class PinnedBuffer {
 public:
  PinnedBuffer() = default;
  PinnedBuffer(const PinnedBuffer&) = delete;
  PinnedBuffer& operator=(const PinnedBuffer&) = delete;
  ~PinnedBuffer() { cudaFreeHost(data_); }
  cudaError_t allocate(std::size_t bytes) { return cudaMallocHost(&data_, bytes); }
  template <class T = void>
  [[nodiscard]] T* as() const {
    return static_cast<T*>(data_);
  }

 private:
  void* data_ = nullptr;
};

class Event {
 public:
  Event() = default;
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() {
    if (event_ != nullptr) cudaEventDestroy(event_);
  }
  cudaError_t create() { return cudaEventCreate(&event_); }
  operator cudaEvent_t() const { return event_; }

 private:
  cudaEvent_t event_ = nullptr;
};

// Queues `launch` `count` times between two events, waits, and gives the time of one in milliseconds.
[[nodiscard]] bool time_launches(Steps& steps, const char* what, int count, const std::function<cudaError_t()>& launch,
                                 double& milliseconds);

}  // namespace gpu_smoke
