// A head has room for every field that the registry reads.

import Testing

@testable import HTTP

struct RequestHeadTests {
    @Test func `there is a range for each field`() {
        #expect(RequestHead.FieldRanges(repeating: 0..<0).count == RequestHead.Field.allCases.count)
    }
}
