// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "api/groupcast/engine.h"

#include <yaml-cpp/yaml.h>

#include <new>
#include <utility>

#include "api/attach.h"
#include "engine/control/config.h"

namespace groupcast {
namespace {

void PutStatic(const EngineOptions::Static& fixed, YAML::Emitter* yaml) {
  *yaml << YAML::Key << "static" << YAML::Value << YAML::BeginMap;
  *yaml << YAML::Key << "mac" << YAML::Value << YAML::DoubleQuoted << fixed.mac;
  if (!fixed.address.empty()) *yaml << YAML::Key << "address" << YAML::Value << fixed.address;
  if (!fixed.address6.empty()) {
    *yaml << YAML::Key << "address6" << YAML::Value << YAML::DoubleQuoted << fixed.address6;
  }
  *yaml << YAML::Key << "mtu" << YAML::Value << fixed.mtu;
  if (fixed.vlan != 0) *yaml << YAML::Key << "vlan" << YAML::Value << fixed.vlan;
  *yaml << YAML::Key << "next_hops" << YAML::Value << YAML::BeginSeq;
  for (const EngineOptions::NextHop& hop : fixed.next_hops) {
    *yaml << YAML::BeginMap << YAML::Key << "to" << YAML::Value << YAML::DoubleQuoted << hop.prefix
          << YAML::Key << "mac" << YAML::Value << YAML::DoubleQuoted << hop.mac << YAML::EndMap;
  }
  *yaml << YAML::EndSeq << YAML::EndMap;
}

void PutPort(const EngineOptions::Port& port, YAML::Emitter* yaml) {
  *yaml << YAML::BeginMap;
  *yaml << YAML::Key << "name" << YAML::Value << YAML::DoubleQuoted << port.name;
  *yaml << YAML::Key << "device" << YAML::Value << YAML::DoubleQuoted << port.device;
  if (!port.interface.empty()) {
    *yaml << YAML::Key << "interface" << YAML::Value << YAML::DoubleQuoted << port.interface;
  }
  if (!port.exception_interface.empty()) {
    *yaml << YAML::Key << "exception_interface" << YAML::Value << YAML::DoubleQuoted
          << port.exception_interface;
  }
  if (port.max_mtu) *yaml << YAML::Key << "max_mtu" << YAML::Value << *port.max_mtu;
  if (port.tx_descriptors) {
    *yaml << YAML::Key << "tx_descriptors" << YAML::Value << *port.tx_descriptors;
  }
  if (port.copybreak) *yaml << YAML::Key << "copybreak" << YAML::Value << *port.copybreak;
  if (port.fixed) PutStatic(*port.fixed, yaml);
  *yaml << YAML::EndMap;
}

const char* NameOf(EngineOptions::Hugepages hugepages) {
  switch (hugepages) {
    case EngineOptions::Hugepages::kAuto:
      return "auto";
    case EngineOptions::Hugepages::kRequired:
      return "required";
    case EngineOptions::Hugepages::kOff:
      return "off";
  }
  return "";
}

absl::StatusOr<uint32_t> Open(const absl::StatusOr<EngineConfig>& config) {
  if (!config.ok()) return config.status();
  return AttachEngine(*config);
}

}  // namespace

std::string Engine::ToYaml(const EngineOptions& options) {
  YAML::Emitter yaml;
  yaml << YAML::BeginMap;
  yaml << YAML::Key << "ports" << YAML::Value << YAML::BeginSeq;
  for (const EngineOptions::Port& port : options.ports) PutPort(port, &yaml);
  yaml << YAML::EndSeq;
  if (!options.lcores.empty()) {
    yaml << YAML::Key << "lcores" << YAML::Value << YAML::Flow << options.lcores;
  }
  yaml << YAML::Key << "memory" << YAML::Value << YAML::BeginMap;
  yaml << YAML::Key << "size_mib" << YAML::Value << options.memory_mib;
  yaml << YAML::Key << "hugepages" << YAML::Value << NameOf(options.hugepages) << YAML::EndMap;
  if (!options.eal.empty()) {
    yaml << YAML::Key << "eal" << YAML::Value << YAML::BeginSeq;
    for (const std::string& argument : options.eal) yaml << YAML::DoubleQuoted << argument;
    yaml << YAML::EndSeq;
  }
  yaml << YAML::Key << "idle" << YAML::Value
       << (options.idle == EngineOptions::Idle::kPoll ? "poll" : "adaptive");
  yaml << YAML::Key << "resolver" << YAML::Value << YAML::BeginMap;
  yaml << YAML::Key << "wait_ms" << YAML::Value << options.resolve_wait_ms;
  yaml << YAML::Key << "routes" << YAML::Value << options.routes;
  yaml << YAML::Key << "next_hops" << YAML::Value << options.next_hops << YAML::EndMap;
  yaml << YAML::EndMap;
  return std::string(yaml.c_str()) + "\n";
}

absl::StatusOr<Engine> Engine::Open(const std::string& file) try {
  const absl::StatusOr<uint32_t> instance = groupcast::Open(LoadEngineConfig(file));
  if (!instance.ok()) return instance.status();
  return Engine(*instance);
} catch (const std::bad_alloc&) {
  return absl::ResourceExhaustedError("no memory to open the engine");
}

absl::StatusOr<Engine> Engine::Open(const EngineOptions& options) try {
  const absl::StatusOr<uint32_t> instance =
      groupcast::Open(ParseEngineConfig("EngineOptions", ToYaml(options)));
  if (!instance.ok()) return instance.status();
  return Engine(*instance);
} catch (const std::bad_alloc&) {
  return absl::ResourceExhaustedError("no memory to open the engine");
}

absl::Status Engine::Close() {
  if (instance_ == 0 || !DetachEngine(instance_)) {
    return absl::FailedPreconditionError("the engine is closed already, or in use by this thread");
  }
  instance_ = 0;
  return absl::OkStatus();
}

Engine::Engine(Engine&& other) noexcept : instance_(std::exchange(other.instance_, 0)) {}

Engine& Engine::operator=(Engine&& other) noexcept {
  if (this != &other) {
    if (instance_ != 0) DetachEngine(instance_);
    instance_ = std::exchange(other.instance_, 0);
  }
  return *this;
}

Engine::~Engine() {
  if (instance_ != 0) DetachEngine(instance_);
}

}  // namespace groupcast
