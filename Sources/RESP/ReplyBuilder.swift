// Makes a value of what hiredis finds, piece by piece, in the order of the bytes: an array is announced with its number
// of elements, and ends with the last of them.

import CHiredis

/// The reply that is being read. Lives as long as its reader, which calls it.
@safe final class ReplyBuilder {
    private struct Open {
        /// Invariant: at least 1.
        var missing: Int
        var elements: [RESPValue] = []
    }

    /// Elements that are given room at once, whatever number is announced.
    private static let roomAtOnce = 256

    private let limits: RESPLimits
    /// Invariant: at most `limits.depth`.
    private var open: [Open] = []
    /// Invariant: at most `limits.elements`; announced, of the arrays of this reply.
    private var elements = 0
    /// Of the strings of this reply that are whole.
    private(set) var bytes = 0
    private var whole: RESPValue?
    private(set) var error: RESPError?

    init(_ limits: RESPLimits) { self.limits = limits }

    /// What hiredis calls. It wants a pointer that is not null for each object; nothing is ever read through it.
    static var functions: redisReplyObjectFunctions {
        var functions = redisReplyObjectFunctions()
        unsafe functions.createString = { task, start, count in
            guard let task = unsafe task, let builder = unsafe ReplyBuilder.of(task) else { return nil }
            return unsafe builder.string(task.pointee.type, start, count) ? task.pointee.privdata : nil
        }
        unsafe functions.createArray = { task, count in
            guard let task = unsafe task, let builder = unsafe ReplyBuilder.of(task) else { return nil }
            return unsafe builder.array(Int(count)) ? task.pointee.privdata : nil
        }
        unsafe functions.createInteger = { task, number in
            guard let task = unsafe task, let builder = unsafe ReplyBuilder.of(task) else { return nil }
            builder.add(.integer(number))
            return unsafe task.pointee.privdata
        }
        unsafe functions.createNil = { task in
            guard let task = unsafe task, let builder = unsafe ReplyBuilder.of(task) else { return nil }
            builder.add(.nothing)
            return unsafe task.pointee.privdata
        }
        return functions
    }

    private static func of(_ task: UnsafePointer<redisReadTask>) -> ReplyBuilder? {
        unsafe task.pointee.privdata.map { unsafe Unmanaged<ReplyBuilder>.fromOpaque($0).takeUnretainedValue() }
    }

    /// The reply, which hiredis says is whole; nil when a part of it was of a kind that is not known.
    func take() -> RESPValue? {
        defer {
            whole = nil
            open = []
            elements = 0
            bytes = 0
        }
        return open.isEmpty ? whole : nil
    }

    private func string(_ type: Int32, _ start: UnsafeMutablePointer<CChar>?, _ count: Int) -> Bool {
        guard let start = unsafe start else { return false }
        let text = unsafe UnsafeRawBufferPointer(start: start, count: count)
        switch type {
        case REDIS_REPLY_STATUS, REDIS_REPLY_ERROR:
            guard count <= limits.line else { return fail(.lineTooLong) }
            let line = unsafe String(decoding: text, as: UTF8.self)
            add(type == REDIS_REPLY_ERROR ? .error(RESPFault(line)) : .status(line))
        default:
            guard count <= limits.bulk else { return fail(.bulkTooLong) }
            bytes += count
            guard bytes <= limits.bytes else { return fail(.tooLong) }
            // hiredis has the two bytes behind a string, and takes them for a line's end whatever they are.
            guard unsafe start[count] == 0x0D, unsafe start[count + 1] == 0x0A else {
                return fail(.malformed("a string is longer than its length says"))
            }
            unsafe add(.bytes(Array(text)))
        }
        return true
    }

    private func array(_ count: Int) -> Bool {
        guard open.count < limits.depth else { return fail(.tooDeep) }
        guard count <= limits.elements - elements else { return fail(.tooManyElements) }
        elements += count
        guard count > 0 else {
            add(.array([]))
            return true
        }
        var array = Open(missing: count)
        array.elements.reserveCapacity(min(count, Self.roomAtOnce))
        open.append(array)
        return true
    }

    private func add(_ value: RESPValue) {
        var value = value
        while let last = open.indices.last {
            open[last].elements.append(value)
            open[last].missing -= 1
            guard open[last].missing == 0 else { return }
            value = .array(open.removeLast().elements)
        }
        whole = value
    }

    private func fail(_ error: RESPError) -> Bool {
        self.error = error
        return false
    }
}
