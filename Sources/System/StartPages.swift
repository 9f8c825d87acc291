// What only the start needs. Reading settings, relocating and setting up OpenSSL touch code and constants of several
// megabytes, which the kernel counts as this process's for as long as it runs. They are the pages of files, unchanged,
// and can be let go of: what is needed again comes back from the page cache by a minor fault.

import Glibc

package enum StartPages {
    /// Lets go of all unchanged pages of this process' executable and libraries; returns how many bytes of mappings
    /// those are. Reads /proc, and does nothing without it. It takes a millisecond or two: to be called once, after
    /// the start.
    @discardableResult
    package static func release() -> Int {
        guard let text = ProcessFigures.contents(of: "/proc/self/smaps") else { return 0 }
        var released = 0
        for mapping in unchanged(text) {
            guard let start = unsafe UnsafeMutableRawPointer(bitPattern: mapping.lowerBound) else { continue }
            if unsafe madvise(start, mapping.count, MADV_DONTNEED) == 0 { released += mapping.count }
        }
        return released
    }

    /// The mappings in the text of /proc/PID/smaps that are of files with code, cannot be written to, and have no page
    /// of their own. That excludes what the linker has relocated and then protected: its changed pages would be lost.
    /// It also excludes files that another thread maps only to read them: it may unmap one after the text is read, and
    /// memory that is written to may then stand at its address. Code stays mapped for as long as the process runs.
    static func unchanged(_ text: String) -> [Range<UInt>] {
        var found: [(range: Range<UInt>, file: Substring)] = []
        var candidate: (range: Range<UInt>, file: Substring)?
        var filesWithCode: Set<Substring> = []
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ", omittingEmptySubsequences: true)
            if let range = range(words.first) {
                candidate = nil
                guard words.count >= 6, words[5].hasPrefix("/"), words[1].count == 4 else { continue }
                // A name may hold spaces: device and inode tell which file it is.
                let file = line[words[3].startIndex..<words[4].endIndex]
                if words[1].hasPrefix("r-x") { filesWithCode.insert(file) }
                if words[1].hasPrefix("r-"), words[1].hasSuffix("p") { candidate = (range, file) }
            } else if words.count == 3, words[0] == "Anonymous:" {
                if words[1] == "0", let candidate { found.append(candidate) }
                candidate = nil
            }
        }
        return found.filter { filesWithCode.contains($0.file) }.map(\.range)
    }

    /// `55d0c8a00000-55d0c8a21000`
    private static func range(_ word: Substring?) -> Range<UInt>? {
        guard let bounds = word?.split(separator: "-"), bounds.count == 2, let start = UInt(bounds[0], radix: 16),
            let end = UInt(bounds[1], radix: 16), start < end
        else { return nil }
        return start..<end
    }
}
