// A set has the characters that its comment says, and no other byte.

import Testing
import Text

@Test func `names are made of letters, digits, dashes, dots and underscores`() {
    let expected = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._".utf8)
    #expect(Set((UInt8.min...UInt8.max).filter(ByteSet.name.contains)) == expected)
}

@Test func `the letters of base64url are those that it is decoded from`() {
    for byte in UInt8.min...UInt8.max {
        #expect(ByteSet.base64url.contains(byte) == (Base64.url.value(of: byte) != nil), "byte \(byte)")
    }
}
