// Guests behind vhost-user for tests: Linux in QEMU, and DPDK's virtio-user in testpmd. They end with the
// test that started them.

public import Base
public import Linux

/// How a guest meets its port.
public struct VhostGuest: Sendable {
  public var socket: String
  /// It makes the socket, and whoever serves the port connects.
  public var listens: Bool
  public var mac: String
  /// Logs, and QEMU's own sockets.
  public var folder: String

  public init(socket: String, listens: Bool = false, mac: String, folder: String) {
    self.socket = socket
    self.listens = listens
    self.mac = mac
    self.folder = folder
  }

  /// A guest that answers pings at `GuestImage.address`, in QEMU without virtualisation; `device` are
  /// further properties of its nic.
  ///
  /// Without MSI-X: QEMU 7.2 falls over its own feet when it is to mask a vector without KVM.
  public func boot(_ image: GuestImage, device: String = "") throws(Failure) -> ChildProcess {
    let path = socket + (listens ? ",server=on,wait=off" : ",reconnect=1")
    return try start([
      "qemu-system-x86_64", "-accel", "tcg", "-M", "q35,memory-backend=mem", "-cpu", "max", "-m",
      "160", "-object", "memory-backend-memfd,id=mem,size=160M,share=on", "-nodefaults",
      "-no-user-config", "-display", "none", "-kernel", image.kernel, "-initrd", image.ramdisk,
      "-append", "console=ttyS0 quiet panic=-1 tsc=reliable no_timer_check", "-serial",
      "file:\(folder)/serial", "-qmp", "unix:\(folder)/qmp,server=on,wait=off", "-chardev",
      "socket,id=c0,path=\(path)", "-netdev", "vhost-user,id=n0,chardev=c0", "-device",
      "virtio-net-pci,netdev=n0,vectors=0,mac=\(mac)\(device)",
    ])
  }

  /// DPDK's testpmd as the guest: `icmpecho` answers ARP and pings, `txonly` sends what it can.
  public func runTestpmd(_ mode: String, options: [String] = []) throws(Failure) -> ChildProcess {
    try start(
      [
        "dpdk-testpmd", "--lcores=0@(0,1),1@(0,1)", "--no-pci", "--no-huge", "-m", "128",
        "--no-telemetry", "--file-prefix=\(folder.filter { $0.isLetter || $0.isNumber })",
        "--vdev=net_virtio_user0,path=\(socket),queues=1,mac=\(mac)"
          + (listens ? ",server=1" : ""),
        "--", "--forward-mode=\(mode)", "--auto-start", "--stats-period=1",
        "--total-num-mbufs=4096",
        // By the interrupt of a changed link a guest that listens learns that it was left.
      ] + (listens ? [] : ["--no-lsc-interrupt"]) + options)
  }

  private func start(_ words: [String]) throws(Failure) -> ChildProcess {
    var command = ChildProcess.Command(words)
    command.output = .file("\(folder)/guest.log")
    command.errors = .append("\(folder)/guest.log")
    command.diesWithParent = true
    return try ChildProcess(command)
  }

  /// What the guest and whoever runs it have said last.
  public var log: String {
    ["guest.log", "serial"].map { name in
      let bytes = (try? readFile("\(folder)/\(name)", limitBytes: 1 << 22)) ?? []
      return String(decoding: bytes.suffix(1_500), as: UTF8.self)
    }.joined(separator: "\n")
  }
}
