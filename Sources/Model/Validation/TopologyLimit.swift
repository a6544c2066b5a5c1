// How much a topology may declare. The figures are those of vSphere where it has one, and small
// enough that every check of a hostile file ends soon; a file that passes a limit is refused.

/// The bounds of a topology.
public enum TopologyLimit {
  public static let physicalSwitches = 256
  public static let linksOfAPhysicalSwitch = 64
  public static let hosts = 256
  public static let nicsOfAHost = 64
  public static let distributedSwitches = 128
  public static let standardSwitches = 1024
  /// The widest team.
  public static let uplinksOfASwitch = 32
  public static let portgroupsOfASwitch = 4096
  public static let rangesOfATrunk = 4096
  /// Every VLAN but 0 and 4095.
  public static let privateVlansOfASwitch = 4094
  public static let rulesOfAFilter = 10_000
  public static let portRangesOfARule = 64
  public static let vms = 4096
  public static let nicsOfAVM = 10
  public static let addressesOfANIC = 16
}
