// How many descriptors are open. Reading /proc/self/fd takes the kernel a microsecond or two for each, and a busy
// registry has tens of thousands: too long for a thread that serves clients. There are two quicker ways.

import Glibc

enum OpenDescriptors {
    /// How many are looked at with one poll(2).
    private static let atOnce = 4_096

    /// How many descriptors this process has.
    static func count() -> Int { told() ?? probed() }

    /// Since 6.2, Linux gives the number as the size of the directory; nil where it does not.
    static func told() -> Int? {
        var status = stat()
        guard unsafe stat("/proc/self/fd", &status) == 0, status.st_size > 0 else { return nil }
        return Int(status.st_size)
    }

    /// Passes each possible number to poll(2), which reports descriptors that are not open even when no event is
    /// requested. No number is above the limit, and few are tried in vain, since the kernel assigns the lowest free
    /// one.
    static func probed() -> Int {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 0 }
        let most = Int(clamping: min(limit.rlim_cur, rlim_t(Int32.max)))
        var entries = [pollfd](repeating: pollfd(), count: min(atOnce, most))
        var (count, start) = (0, 0)
        while start < most {
            let size = min(entries.count, most - start)
            for index in 0..<size { entries[index] = pollfd(fd: Int32(start + index), events: 0, revents: 0) }
            guard unsafe poll(&entries, nfds_t(size), 0) >= 0 else { return count }
            let open = entries[..<size].count { $0.revents & Int16(POLLNVAL) == 0 }
            count += open
            // After so many free numbers none is in use, unless a program chose its number itself.
            if open == 0 { break }
            start += size
        }
        return count
    }
}
