// Peers keep a reserve: where clients have used up every file descriptor, a member that could neither dial nor accept
// would drop out of its cluster for their sake. These are taken while there are some, and given up one by one as
// sockets of peers need them.

import Glibc

/// Descriptors held open so that they can be given up. Belongs to its loop's thread.
struct SpareDescriptors: ~Copyable {
    private let wanted: Int
    private var descriptors: [Int32] = []

    /// Takes this many, or as many as there are.
    init(count: Int) {
        wanted = count
        refill()
    }

    deinit {
        for descriptor in descriptors { close(descriptor) }
    }

    /// Gives one up; false when there is none left.
    mutating func release() -> Bool {
        guard let descriptor = descriptors.popLast() else { return false }
        close(descriptor)
        return true
    }

    /// Takes back descriptors that were given up, as far as there are some again.
    mutating func refill() {
        while descriptors.count < wanted {
            let descriptor = unsafe open("/dev/null", O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { return }
            descriptors.append(descriptor)
        }
    }
}
