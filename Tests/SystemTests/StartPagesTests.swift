// Which pages are let go of after the start.

import Testing

@testable import System

struct StartPagesTests {
    private static func mapping(_ head: String, anonymous: Int) -> String {
        "\(head)\nSize:  4 kB\nRss:  4 kB\nAnonymous:  \(anonymous) kB\nVmFlags: rd mr mw me\n"
    }

    @Test func `unchanged pages of files with code are let go of, and none that was changed or can be`() {
        let text =
            Self.mapping("1000-3000 r--p 00000000 fe:00 17   /usr/bin/registry", anonymous: 0)
            + Self.mapping("3000-5000 r-xp 00002000 fe:00 17   /usr/bin/registry", anonymous: 0)
            // Relocated, and then protected.
            + Self.mapping("5000-6000 r--p 00004000 fe:00 17   /usr/bin/registry", anonymous: 4)
            + Self.mapping("6000-7000 rw-p 00005000 fe:00 17   /usr/bin/registry", anonymous: 0)
            + Self.mapping("7000-8000 rw-p 00000000 00:00 0", anonymous: 0)
            + Self.mapping("8000-9000 r--p 00000000 00:00 0", anonymous: 0)
            + Self.mapping("9000-a000 r--s 00000000 fe:00 18   /var/shared", anonymous: 0)
            + Self.mapping("7fff0000-7fff2000 r-xp 00000000 00:00 0   [vdso]", anonymous: 0)
            + Self.mapping("b000-f000 r--p 00000000 fe:00 19   /usr/lib/a name with spaces.so", anonymous: 0)
            + Self.mapping("f000-f800 r-xp 00004000 fe:00 19   /usr/lib/a name with spaces.so", anonymous: 4)
            // Read by a thread, which may unmap it at any time.
            + Self.mapping("10000-12000 r--p 00000000 fe:00 20   /usr/lib/a name with a list of words", anonymous: 0)
        #expect(StartPages.unchanged(text) == [0x1000..<0x3000, 0x3000..<0x5000, 0xB000..<0xF000])
        #expect(StartPages.unchanged("").isEmpty && StartPages.unchanged("Anonymous: 0 kB\nx-y z").isEmpty)
    }

    @Test func `the process goes on after it has let go of its pages`() throws {
        #expect(StartPages.release() > 0)
        let figures = try #require(ProcessFigures.read())
        #expect(figures.residentBytes > 0)
    }
}
