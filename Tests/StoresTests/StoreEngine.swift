// The engines that are held to the same promises.

import Base
import Linux
import Stores
import Synchronization
import Testing

/// Which engine a test runs on. Those that are not installed are left out, and a test says so by name.
enum StoreEngine: String, CaseIterable, CustomTestStringConvertible {
  case memory
  case sqlite
  case etcd

  static var available: [StoreEngine] { allCases.filter { $0 != .etcd || EtcdNode.isInstalled } }

  var testDescription: String { rawValue }
}

/// An empty store of an engine.
struct FreshStore {
  let store: any Store
  private let folder: TemporaryFolder?

  private static let count = Atomic(0)

  init(_ engine: StoreEngine) throws {
    switch engine {
    case .memory:
      store = MemoryStore()
      folder = nil
    case .sqlite:
      let folder = try TemporaryFolder()
      store = try SQLiteStore(path: "\(folder.path)/store.db")
      self.folder = folder
    case .etcd:
      let number = Self.count.add(1, ordering: .relaxed).newValue
      store = try EtcdCluster.single.get().store(root: "/test\(number)")
      folder = nil
    }
  }
}
