import Testing

@testable import Catalog

struct InstanceStatusTests {
    @Test(arguments: ["out_of_service", "Out_Of_Service", "OUT_OF_SERVICE"])
    func `a status is the same in any case`(token: String) {
        #expect(InstanceStatus(token) == .outOfService)
        #expect(InstanceStatus(token).token == "OUT_OF_SERVICE")
    }

    /// The long s (U+017F) and the dotless i (U+0131) are S and I in upper case. A protocol's token is ASCII and they
    /// are not.
    @Test(arguments: [
        ("\u{17F}tarting", InstanceStatus.starting), ("out_of_\u{17F}ervice", .outOfService),
        ("start\u{131}ng", .starting),
    ])
    func `a token of other letters is another status`(token: String, status: InstanceStatus) {
        #expect(InstanceStatus(token) != status)
    }
}
