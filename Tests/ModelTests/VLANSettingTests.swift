// VLAN settings and ranges: what they contain, and how they are told.

import Base
import Model
import Testing

@Suite struct VLANSettingTests {
  @Test(
    arguments: [
      ([5...5], "5"), ([200...200, 0...99], "0-99,200"), ([1...4, 5...9], "1-9"),
      ([1...6, 3...4, 2...9], "1-9"), ([0...4094], "0-4094"), ([], ""), ([4094...4094], "4094"),
    ] as [([ClosedRange<UInt16>], String)])
  func mergesRanges(_ ranges: [ClosedRange<UInt16>], _ expected: String) {
    let merged = VLANRanges(ranges)
    #expect(merged.description == expected)
    for vlan in 0...4094 as ClosedRange<UInt16> {
      #expect(merged.contains(vlan) == ranges.contains { $0.contains(vlan) })
    }
    if !ranges.isEmpty { #expect(VLANRanges(expected) == merged) }
  }

  @Test(arguments: ["", "a", "1-", "-1", "9-1", "4095", "1,,2", "1-2-3", "0-4095", "70000"])
  func refusesText(_ text: String) {
    #expect(VLANRanges(text) == nil)
  }

  @Test(arguments: [
    (VLANSetting.none, JSONValue.int(0), "0"), (.access(10), 10, "10"),
    (.trunk(VLANRanges([0...99, 200...200])), "0-99,200", "0-99,200"),
    (.trunk(.all), "0-4094", "0-4094"),
  ])
  func isANumberOrText(_ setting: VLANSetting, _ json: JSONValue, _ text: String) throws {
    #expect(try JSONValue(encoding: setting) == json)
    #expect(setting.description == text)
  }
}
