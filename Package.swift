// swift-tools-version: 6.2
//
// Martlet's floors. A target may import only targets of floors below its own; `scripts/check`
// holds the same table and refuses an import that climbs.
//
//   F7  martlet   martlet-bench   WireExercise
//   F6  Lab   Rig   BenchReport
//   F5  HostAgent
//   F4  Attachments   XDP   VhostUser   Netlink   ConfigFile   HTTP   Trust   Stores   Planner   QMP
//   F3  Dataplane   Model
//   F2  FrameMemory   Tables   Protocols   Linux
//   F1  Base   Wire
//   F0  CMemory CLinux CNetlink CPcap CYAML CMicrohttpd CCurl CGnuTLS CSQLite CXDP CAllocationCount CBenchPeers

import PackageDescription

/// Every target is built the same way: Swift 6 mode, explicit imports, every unsafe use marked,
/// and no warning survives. `Lifetimes` is what lets a view borrow the frame that it reads.
let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableExperimentalFeature("Lifetimes"),
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
]

/// The fuzz targets are built apart (`scripts/fuzz`): libFuzzer brings its own `main`.
let fuzzing = Context.environment["MARTLET_FUZZ"] != nil
let instrumented: [SwiftSetting] =
  fuzzing ? [.unsafeFlags(["-sanitize=fuzzer", "-parse-as-library"])] : []

func module(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: strict + instrumented)
}

/// Released programs carry what they need of Swift's libraries: they run where no Swift is installed, and
/// are some megabytes smaller in memory.
let carriesSwift = ["-static-stdlib", "-l_FoundationCollections", "-l_FoundationCShims"]

func program(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .executableTarget(
    name: name, dependencies: dependencies, swiftSettings: strict,
    linkerSettings: [.unsafeFlags(carriesSwift, .when(configuration: .release))])
}

func library(_ name: String, pkgConfig: String, package: String) -> Target {
  .systemLibrary(name: name, pkgConfig: pkgConfig, providers: [.apt([package])])
}

func tests(_ name: String, _ dependencies: [Target.Dependency], resources: [Resource] = [])
  -> Target
{
  .testTarget(
    name: name, dependencies: dependencies, resources: resources, swiftSettings: strict)
}

let floors: [Target] = [
  // F0: C. One module map a library; `CLinux` holds what the importer cannot read by itself.
  .target(name: "CMemory"),
  .target(name: "CLinux"),
  .target(name: "CAllocationCount"),
  .target(name: "CBenchPeers"),
  library("CNetlink", pkgConfig: "libnl-route-3.0", package: "libnl-route-3-dev"),
  library("CPcap", pkgConfig: "libpcap", package: "libpcap-dev"),
  library("CYAML", pkgConfig: "yaml-0.1", package: "libyaml-dev"),
  library("CMicrohttpd", pkgConfig: "libmicrohttpd", package: "libmicrohttpd-dev"),
  library("CGnuTLS", pkgConfig: "gnutls", package: "libgnutls28-dev"),
  library("CCurl", pkgConfig: "libcurl", package: "libcurl4-gnutls-dev"),
  library("CSQLite", pkgConfig: "sqlite3", package: "libsqlite3-dev"),
  library("CXDP", pkgConfig: "libbpf", package: "libbpf-dev"),
  // F1
  module("Base", ["CMemory"]),
  module("Wire", ["Base"]),
  // F2
  module("FrameMemory", ["Base", "Wire"]),
  module("Tables", ["Base", "Wire"]),
  module("Protocols", ["Base", "Wire", "Tables"]),
  module("Linux", ["Base", "CLinux"]),
  // F3
  module("Dataplane", ["Base", "Wire", "FrameMemory", "Tables", "Protocols"]),
  module("Model", ["Base", "Wire"]),
  // F4
  module("Attachments", ["Base", "Wire", "FrameMemory", "Linux", "CLinux", "CPcap"]),
  module(
    "XDP", ["Base", "Wire", "FrameMemory", "Linux", "Attachments", "CLinux", "CXDP"]),
  module("VhostUser", ["Base", "Wire", "FrameMemory", "Linux", "CLinux", "Attachments"]),
  module("Netlink", ["Base", "Wire", "Linux", "CNetlink"]),
  module("ConfigFile", ["Base", "Wire", "Linux", "Model", "CYAML"]),
  module("HTTP", ["Base", "Linux", "CMicrohttpd", "CCurl"]),
  module(
    "Planner", ["Base", "Wire", "FrameMemory", "Tables", "Protocols", "Dataplane", "Model"]),
  module("QMP", ["Base", "Wire", "Linux"]),
  module("Trust", ["Base", "CGnuTLS"]),
  module("Stores", ["Base", "Linux", "HTTP", "CSQLite"]),
  // F5
  module(
    "HostAgent",
    [
      "Base", "Wire", "FrameMemory", "Tables", "Linux", "Dataplane", "Protocols", "Model",
      "Attachments", "XDP", "VhostUser", "Netlink", "ConfigFile", "HTTP", "Planner", "QMP",
    ]),
  // F6
  module(
    "Lab", ["Base", "Wire", "Linux", "Model", "Netlink", "ConfigFile", "HTTP", "HostAgent"]),
  module("Rig", ["Base", "Wire", "Linux", "Model", "Netlink", "ConfigFile", "HTTP"]),
  module("BenchReport", ["Base"]),
]

let programs: [Target] = [
  program(
    "martlet",
    [
      "Base", "Wire", "Linux", "Model", "ConfigFile", "HTTP", "Attachments", "HostAgent", "Lab",
    ]),
  program(
    "martlet-bench",
    [
      "Base", "Wire", "FrameMemory", "Tables", "Linux", "Dataplane", "Model", "Planner", "Netlink",
      "Attachments", "XDP", "VhostUser", "HTTP", "HostAgent", "Rig", "BenchReport",
      "CAllocationCount",
      "CBenchPeers",
    ]),
]

/// What the fuzzers and the mutation test of the suite do with their inputs.
let exercises: [Target] = [
  .target(
    name: "WireExercise", dependencies: ["Base", "Wire"], path: "Tests/WireExercise",
    swiftSettings: strict + instrumented)
]

let suites: [Target] = [
  tests("BaseTests", ["Base"]),
  tests("WireTests", ["Base", "Wire", "Linux", "WireExercise"]),
  tests("FrameMemoryTests", ["Base", "Wire", "FrameMemory"]),
  tests("TablesTests", ["Base", "Wire", "Tables"]),
  tests("LinuxTests", ["Base", "Linux"]),
  tests("DataplaneTests", ["Base", "Wire", "FrameMemory", "Tables", "Protocols", "Dataplane"]),
  tests("ProtocolsTests", ["Base", "Wire", "Tables", "Protocols"]),
  tests("ModelTests", ["Base", "Wire", "Model"]),
  tests(
    "AttachmentsTests",
    ["Base", "Wire", "FrameMemory", "Linux", "Netlink", "Attachments", "Rig"]),
  tests(
    "XDPTests",
    ["Base", "Wire", "FrameMemory", "Linux", "Attachments", "XDP", "Rig"]),
  tests(
    "VhostUserTests",
    ["Base", "Wire", "FrameMemory", "Linux", "CLinux", "Attachments", "VhostUser", "Rig"]),
  tests("NetlinkTests", ["Base", "Wire", "Linux", "Netlink"]),
  tests("ConfigFileTests", ["Base", "Wire", "Model", "ConfigFile"]),
  tests("QMPTests", ["Base", "Wire", "Linux", "QMP"]),
  tests("HTTPTests", ["Base", "Linux", "HTTP", "Trust"]),
  tests("TrustTests", ["Base", "Linux", "Trust"]),
  tests("StoresTests", ["Base", "Linux", "HTTP", "Stores"]),
  tests(
    "CommandLineTests", ["Base", "Wire", "Linux", "Model", "HTTP", "Attachments", "martlet"]),
  tests(
    "PlannerTests",
    [
      "Base", "Wire", "FrameMemory", "Tables", "Protocols", "Dataplane", "Model", "ConfigFile",
      "Planner",
    ]),
  tests(
    "HostAgentTests",
    [
      "Base", "Wire", "FrameMemory", "Linux", "Dataplane", "Protocols", "Model", "Netlink",
      "ConfigFile", "HTTP", "Attachments", "XDP", "HostAgent", "Rig", "martlet",
    ]),
  tests(
    "PolicyTests",
    [
      "Base", "Wire", "FrameMemory", "Linux", "Dataplane", "Protocols", "Model", "Netlink",
      "ConfigFile", "HTTP", "Attachments", "HostAgent", "Rig", "martlet",
    ]),
  tests("BenchTests", ["Base", "BenchReport", "Rig"]),
  tests(
    "LabTests", ["Base", "Wire", "Linux", "Model", "Netlink", "ConfigFile", "HTTP", "Lab", "Rig"]),
]

let fuzzers: [Target] = [
  .executableTarget(
    name: "martlet-fuzz",
    dependencies: [
      "Base", "Wire", "FrameMemory", "Tables", "Protocols", "Dataplane", "Model", "ConfigFile",
      "Planner", "CLinux", "Linux", "Attachments", "VhostUser",
      "WireExercise",
    ],
    path: "Tests/Fuzz",
    exclude: ["corpus"],
    swiftSettings: strict + instrumented + [.enableExperimentalFeature("Extern")],
    linkerSettings: [.unsafeFlags(["-sanitize=fuzzer"])])
]

let package = Package(
  name: "martlet",
  targets: fuzzing ? floors + exercises + fuzzers : floors + exercises + programs + suites
)
