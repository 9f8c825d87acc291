// Many datagrams by one system call, as recvmmsg(2) has it, which Swift's Glibc module lacks; and one to the address
// that asked, by the address that was asked.

package import CSystem
import Glibc

/// At which address and interface of this host a datagram arrived: the control message in which the kernel says so, and
/// takes from where to send (`in_pktinfo` or `in6_pktinfo` after a `cmsghdr`), kept as it came.
package struct ArrivalAddress: Sendable {
    /// Room for either of the two, in bytes.
    fileprivate static let room = 40

    private var bytes: (UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0)
    private var count = 0

    fileprivate init(_ message: UnsafeRawBufferPointer) {
        count = min(message.count, Self.room)
        unsafe withUnsafeMutableBytes(of: &bytes) {
            unsafe $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: message[..<count]))
        }
    }

    fileprivate func withBytes<Result>(_ body: (UnsafeMutableRawBufferPointer) -> Result) -> Result {
        var copy = bytes
        return unsafe withUnsafeMutableBytes(of: &copy) {
            unsafe body(UnsafeMutableRawBufferPointer(rebasing: $0[..<count]))
        }
    }
}

/// The memory of one batch, and of the answers to it. Of one thread. Invariant: the headers point into the other parts, which stay where they
/// are.
@safe package struct DatagramBatch: ~Copyable {
    private let longest: Int
    private let headers: UnsafeMutableBufferPointer<csystem_datagram>
    private let vectors: UnsafeMutableBufferPointer<iovec>
    private let addresses: UnsafeMutableBufferPointer<sockaddr_storage>
    private let controls: UnsafeMutableRawBufferPointer
    private let data: UnsafeMutableRawBufferPointer
    /// Answers that wait to be sent together, and their bytes. Empty where none are sent so.
    private let answers: UnsafeMutableBufferPointer<csystem_datagram>
    private let answerVectors: UnsafeMutableBufferPointer<iovec>
    private let answerData: UnsafeMutableRawBufferPointer
    private var waiting = 0
    private var usedBytes = 0

    /// Room for `count` datagrams of `longest` bytes each, and for answers to them of `answerBytes` together.
    package init(count: Int, longest: Int, answerBytes: Int = 0) {
        self.longest = longest
        let answerCount = answerBytes > 0 ? count : 0
        unsafe answers = .allocate(capacity: answerCount)
        unsafe answers.initialize(repeating: csystem_datagram())
        unsafe answerVectors = .allocate(capacity: answerCount)
        unsafe answerVectors.initialize(repeating: iovec())
        unsafe answerData = .allocate(byteCount: answerBytes, alignment: 8)
        unsafe headers = .allocate(capacity: count)
        unsafe headers.initialize(repeating: csystem_datagram())
        unsafe vectors = .allocate(capacity: count)
        unsafe vectors.initialize(repeating: iovec())
        unsafe addresses = .allocate(capacity: count)
        unsafe addresses.initialize(repeating: sockaddr_storage())
        unsafe controls = .allocate(byteCount: count * ArrivalAddress.room, alignment: 8)
        unsafe data = .allocate(byteCount: count * longest, alignment: 8)
        for index in 0..<count {
            unsafe vectors[index] = unsafe iovec(
                iov_base: data.baseAddress?.advanced(by: index * longest), iov_len: longest)
        }
    }

    deinit {
        unsafe headers.deallocate()
        unsafe vectors.deallocate()
        unsafe addresses.deallocate()
        unsafe controls.deallocate()
        unsafe data.deallocate()
        unsafe answers.deallocate()
        unsafe answerVectors.deallocate()
        unsafe answerData.deallocate()
    }

    /// Receives what is there, at most as much as there is room for; 0 when there is nothing, or an error that the next
    /// call meets again.
    package borrowing func receive(from descriptor: Int32) -> Int {
        for index in unsafe headers.indices {
            var header = unsafe msghdr()
            unsafe header.msg_name = unsafe UnsafeMutableRawPointer(addresses.baseAddress?.advanced(by: index))
            unsafe header.msg_namelen = socklen_t(MemoryLayout<sockaddr_storage>.size)
            unsafe header.msg_iov = unsafe vectors.baseAddress?.advanced(by: index)
            unsafe header.msg_iovlen = 1
            unsafe header.msg_control = unsafe controls.baseAddress?.advanced(by: index * ArrivalAddress.room)
            unsafe header.msg_controllen = ArrivalAddress.room
            unsafe headers[index] = unsafe csystem_datagram(header: header, length: 0)
        }
        while true {
            let count = unsafe csystem_recvmmsg(
                descriptor, headers.baseAddress, UInt32(headers.count), Int32(MSG_DONTWAIT), nil)
            if count >= 0 { return Int(count) }
            guard errno == EINTR else { return 0 }
        }
    }

    /// The bytes of a datagram, until the next `receive`.
    package borrowing func bytes(_ index: Int) -> UnsafeBufferPointer<UInt8> {
        let count = unsafe min(Int(headers[index].length), longest)
        return unsafe UnsafeRawBufferPointer(rebasing: data[index * longest..<index * longest + count]).bindMemory(
            to: UInt8.self)
    }

    /// Whether the datagram was longer than there was room for.
    package borrowing func isCut(_ index: Int) -> Bool {
        unsafe headers[index].header.msg_flags & Int32(MSG_TRUNC) != 0
    }

    /// Whom the datagram came from.
    package borrowing func withAddress<Result>(_ index: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result?)
        -> Result?
    {
        let length = unsafe headers[index].header.msg_namelen
        return unsafe addresses.baseAddress?.advanced(by: index).withMemoryRebound(to: sockaddr.self, capacity: 1) {
            unsafe body($0, length)
        }
    }

    package borrowing func arrival(_ index: Int) -> ArrivalAddress {
        let count = unsafe min(Int(headers[index].header.msg_controllen), ArrivalAddress.room)
        let start = index * ArrivalAddress.room
        return unsafe ArrivalAddress(UnsafeRawBufferPointer(rebasing: controls[start..<start + count]))
    }

    /// Keeps an answer to a datagram of this batch for `sendAnswers`, which has to come before the next `receive`. False
    /// when there is no room, until those that wait have been sent.
    package mutating func keepAnswer(_ bytes: [UInt8], to index: Int) -> Bool {
        guard unsafe waiting < answers.count, unsafe bytes.count <= answerData.count - usedBytes else { return false }
        let place = unsafe UnsafeMutableRawBufferPointer(rebasing: answerData[usedBytes..<usedBytes + bytes.count])
        unsafe place.copyBytes(from: bytes)
        unsafe answerVectors[waiting] = unsafe iovec(iov_base: place.baseAddress, iov_len: bytes.count)
        var header = unsafe headers[index].header
        unsafe header.msg_iov = unsafe answerVectors.baseAddress?.advanced(by: waiting)
        unsafe header.msg_controllen = unsafe min(header.msg_controllen, ArrivalAddress.room)
        if unsafe header.msg_controllen == 0 { unsafe header.msg_control = nil }
        unsafe header.msg_flags = 0
        unsafe answers[waiting] = unsafe csystem_datagram(header: header, length: 0)
        (waiting, usedBytes) = (waiting + 1, usedBytes + bytes.count)
        return true
    }

    /// Sends what is kept, now or never; returns how many answers the kernel took, and how many it did not.
    package mutating func sendAnswers(by descriptor: Int32) -> (sent: Int, unsent: Int) {
        var (sent, next) = (0, 0)
        while next < waiting {
            let count = unsafe csystem_sendmmsg(
                descriptor, answers.baseAddress?.advanced(by: next), UInt32(waiting - next),
                Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
            if count > 0 {
                (sent, next) = (sent + Int(count), next + Int(count))
            } else if errno == EAGAIN || errno == ENOBUFS {
                break
            } else if errno != EINTR {
                // The first of them cannot be sent, as to a client whose address leads nowhere; others may be.
                next += 1
            }
        }
        defer { (waiting, usedBytes) = (0, 0) }
        return (sent, waiting - sent)
    }

    /// Sends one datagram without waiting; false when the kernel does not take it.
    package static func send(
        _ bytes: UnsafeRawBufferPointer, to name: UnsafePointer<sockaddr>, length: socklen_t,
        from local: ArrivalAddress,
        by descriptor: Int32
    ) -> Bool {
        unsafe local.withBytes { control in
            var vector = unsafe iovec(
                iov_base: UnsafeMutableRawPointer(mutating: bytes.baseAddress), iov_len: bytes.count)
            return unsafe withUnsafeMutablePointer(to: &vector) { vector in
                var header = unsafe msghdr()
                unsafe header.msg_name = unsafe UnsafeMutableRawPointer(mutating: UnsafeRawPointer(name))
                unsafe header.msg_namelen = length
                unsafe header.msg_iov = unsafe vector
                unsafe header.msg_iovlen = 1
                unsafe header.msg_control = unsafe control.isEmpty ? nil : control.baseAddress
                unsafe header.msg_controllen = control.count
                return unsafe sendmsg(descriptor, &header, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL)) == bytes.count
            }
        }
    }

    /// Has the kernel say at which address each datagram arrives. On a socket of both families it says so for both.
    package static func tellArrivals(on descriptor: Int32, isSix: Bool) {
        var on: Int32 = 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        if isSix {
            unsafe setsockopt(descriptor, Int32(IPPROTO_IPV6), IPV6_RECVPKTINFO, &on, size)
        } else {
            unsafe setsockopt(descriptor, Int32(IPPROTO_IP), IP_PKTINFO, &on, size)
        }
    }
}
