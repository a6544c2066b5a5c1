// The networks of these tests, as topology files.

/// Two hosts on one physical switch; VLANs 10 and 20.
func twoHosts(mtu: Int = 1500, vms: String = "", portgroups: String = "") -> String {
  """
  apiVersion: martlet/v1
  kind: Topology
  name: two-hosts
  physicalSwitches:
    - { name: tor1 }
  hosts:
    - { name: host1, nics: { vmnic0: tor1 } }
    - { name: host2, nics: { vmnic0: tor1 } }
  distributedSwitches:
    - name: dvs1
      mtu: \(mtu)
      uplinks: [uplink1]
      hosts:
        - { name: host1, uplinks: { uplink1: vmnic0 } }
        - { name: host2, uplinks: { uplink1: vmnic0 } }
      portgroups:
        - { name: web, vlan: 10 }
        - { name: db, vlan: 20 }
  \(portgroups)
  vms:
    - { name: web1, host: host1, nics: [{ portgroup: web, addresses: [10.0.10.1/24, "fd00:10::1/64"] }] }
    - { name: web2, host: host1, nics: [{ portgroup: web, addresses: [10.0.10.2/24, "fd00:10::2/64"] }] }
    - { name: web3, host: host2, nics: [{ portgroup: web, addresses: [10.0.10.3/24, "fd00:10::3/64"] }] }
    - { name: db1, host: host1, nics: [{ portgroup: db, addresses: [10.0.10.4/24] }] }
  \(vms)

  """
}

/// Two hosts, each with a nic on each of two linked physical switches; active and standby uplink.
func teaming() -> String {
  """
  apiVersion: martlet/v1
  kind: Topology
  name: teaming
  physicalSwitches:
    - { name: tor1, links: [tor2] }
    - { name: tor2 }
  hosts:
    - { name: host1, nics: { vmnic0: tor1, vmnic1: tor2 } }
    - { name: host2, nics: { vmnic0: tor1, vmnic1: tor2 } }
  distributedSwitches:
    - name: dvs1
      uplinks: [uplink1, uplink2]
      hosts:
        - { name: host1, uplinks: { uplink1: vmnic0, uplink2: vmnic1 } }
        - { name: host2, uplinks: { uplink1: vmnic0, uplink2: vmnic1 } }
      policy:
        teaming:
          policy: failover_explicit
          activeUplinks: [uplink1]
          standbyUplinks: [uplink2]
      portgroups:
        - { name: steady, vlan: 10 }
        - { name: plain, vlan: 0 }
  vms:
    - { name: app1, host: host1, nics: [{ portgroup: steady, addresses: [10.0.10.1/24, "fd00:10::1/64"] }] }
    - { name: app2, host: host2, nics: [{ portgroup: steady, addresses: [10.0.10.2/24, "fd00:10::2/64"] }] }
    - { name: app3, host: host1, nics: [{ portgroup: plain, addresses: [10.0.30.3/24] }] }

  """
}

/// One host with a standard switch that has no uplink.
func internalOnly(vms: [String] = ["in1", "in2"]) -> String {
  let lines = vms.enumerated().map { index, name in
    "  - { name: \(name), host: host1, nics: [{ portgroup: inside, addresses: [10.0.99.\(index + 1)/24] }] }"
  }
  return """
    apiVersion: martlet/v1
    kind: Topology
    name: internal
    physicalSwitches: []
    hosts:
      - { name: host1, nics: {} }
    standardSwitches:
      - host: host1
        name: vSwitch1
        portgroups:
          - { name: inside, vlan: 0 }
          - { name: other, vlan: 7 }
      - host: host1
        name: vSwitch2
        portgroups:
          - { name: far, vlan: 0 }
    vms:

    """ + lines.joined(separator: "\n") + "\n"
}
