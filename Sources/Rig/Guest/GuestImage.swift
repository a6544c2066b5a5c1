// A guest that boots in two seconds without virtualisation: Debian's cloud kernel, unpacked and not
// installed, and an initial RAM disk of busybox with the modules of virtio-net. Kept under .build.

public import Base
internal import Glibc
internal import Linux

/// A kernel and its RAM disk.
public struct GuestImage: Sendable {
  public var kernel: String
  public var ramdisk: String
  /// Of the guest, on its eth0.
  public static let address = "10.99.0.10"

  /// Made once for all tests; nil when something is missing, and `absence` says what.
  public static let shared: Result<GuestImage, Failure> = Result { () throws(Failure) in try make()
  }

  public static var absence: String? {
    switch shared {
    case .success: nil
    case .failure(let failure): failure.why
    }
  }

  /// The guest serves a file of 8 MiB over HTTP, and answers pings.
  private static let script = """
    set -e
    mkdir -p "$1"; cd "$1"
    [ -f ready ] && exit 0
    rm -rf img root
    ls linux-image-*.deb >/dev/null 2>&1 || apt-get -q download \\
      "$(apt-cache depends linux-image-cloud-amd64 | awk '/Depends/{print $2; exit}')" >&2
    dpkg -x linux-image-*.deb img
    V=$(ls img/lib/modules); cp "img/boot/vmlinuz-$V" vmlinuz
    mkdir -p root/bin root/proc root/sys root/dev root/tmp root/lib root/www
    cp "$(command -v busybox)" root/bin/busybox
    for m in net/core/failover drivers/net/net_failover drivers/virtio/virtio_ring drivers/virtio/virtio \\
      drivers/virtio/virtio_pci_modern_dev drivers/virtio/virtio_pci_legacy_dev drivers/virtio/virtio_pci \\
      drivers/net/virtio_net; do
      f=img/lib/modules/$V/kernel/$m.ko
      if [ -f "$f" ]; then cp "$f" root/lib/; basename $m >> root/lib/order; fi
    done
    cat > root/init <<'I'
    #!/bin/busybox sh
    /bin/busybox --install -s /bin; mount -t proc p /proc; mount -t sysfs s /sys; mount -t devtmpfs d /dev
    for m in $(cat /lib/order); do insmod /lib/$m.ko; done
    mkdir -p /www; yes 0123456789abcdefghijklmnopqrstuvwxyz | head -c 8388608 > /www/file
    ip link set lo up; ip addr add 10.99.0.10/24 dev eth0; ip link set eth0 up
    httpd -p 80 -h /www
    echo GUEST-READY > /dev/ttyS0
    exec sh -c 'while :; do sleep 1000; done'
    I
    sed -i 's/^    //' root/init
    chmod +x root/init; (cd root; find . | cpio -o -H newc --quiet | gzip -1) > initrd.img
    touch ready
    """

  private static func make() throws(Failure) -> GuestImage {
    guard geteuid() == 0 else {
      throw Failure("cannot make a guest", why: "needs root", remedy: "run the tests as root")
    }
    for tool in ["/usr/bin/qemu-system-x86_64", "/usr/bin/busybox", "/usr/bin/cpio"] {
      // SAFETY: a C string for the call.
      guard unsafe access(tool, X_OK) == 0 else {
        throw Failure(
          "cannot make a guest", why: "\(tool) is missing",
          remedy: "apt-get install qemu-system-x86 busybox-static cpio")
      }
    }
    var room = [CChar](repeating: 0, count: 4_096)
    // SAFETY: the array has that many bytes, and ends with a zero.
    guard let here = unsafe getcwd(&room, room.count) else {
      throw Failure("cannot make a guest", why: "no current directory", remedy: "change into one")
    }
    let folder = unsafe String(cString: here) + "/.build/guest"
    let report = try ChildProcess.run(
      ChildProcess.Command(["/bin/bash", "-c", script, "make-guest", folder]),
      timeoutNanoseconds: 300_000_000_000)
    guard report.ending.isSuccess else {
      throw Failure(
        "cannot make a guest",
        why: "no kernel (linux-image-cloud-amd64): \(report.errors.suffix(200))",
        remedy: "give the machine a Debian mirror")
    }
    return GuestImage(kernel: folder + "/vmlinuz", ramdisk: folder + "/initrd.img")
  }
}
