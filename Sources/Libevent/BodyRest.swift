// Long bodies. libevent reads 4,096 bytes with one call, however many it may, and asks epoll in between: a body of 77 kB,
// as each poll of Envoy has, took nineteen turns of the loop. Once the request parser knows how much of a body is to
// come, what has arrived of it is read at once into the same buffer; mostly the request is then whole, and can be
// answered without evhttp (`FastPath.swift`).

import CLibevent
import Glibc
import HTTP

/// Reads on where libevent stops.
enum BodyRest {
    /// What libevent reads with one call. Less means that there was no more.
    static let libeventRead = 4_096
    /// Bytes read with one call here, which takes a tenth of a millisecond.
    private static let most = 1 << 20

    /// Reads what has arrived of the body that the parser is in, and passes it to the parser. Only within a plain
    /// bufferevent's own reading, while its input may be added to.
    ///
    /// - Parameters:
    ///   - watch: the connection's own callback on the input, which is not to be told.
    ///   - isLimitNew: whether the bound on the input is that of shorter bodies, and about to be raised.
    static func read(
        of parser: inout RequestParser, from bufferevent: OpaquePointer, besides watch: OpaquePointer?,
        isLimitNew: Bool
    ) {
        let input = unsafe bufferevent_get_input(bufferevent)
        let length = unsafe evbuffer_get_length(input)
        var wanted = min(parser.remainingBody, most)
        var (low, high) = (0, 0)
        unsafe bufferevent_getwatermark(bufferevent, Int16(EV_READ), &low, &high)
        if high > 0, length + wanted >= high {
            if isLimitNew {
                unsafe bufferevent_setwatermark(bufferevent, Int16(EV_READ), low, length + wanted + 1)
            } else {
                wanted = high - length - 1
            }
        }
        var space = unsafe iovec()
        guard wanted > 0, unsafe evbuffer_reserve_space(input, wanted, &space, 1) == 1 else { return }
        let count = unsafe recv(
            bufferevent_getfd(bufferevent), space.iov_base, min(wanted, space.iov_len), Int32(MSG_DONTWAIT))
        // An end or an error is met by libevent again.
        guard count > 0 else { return }
        unsafe space.iov_len = count
        let enabled = UInt32(EVBUFFER_CB_ENABLED)
        unsafe evbuffer_cb_clear_flags(input, watch, enabled)
        let isAdded = unsafe evbuffer_commit_space(input, &space, 1) == 0
        unsafe evbuffer_cb_set_flags(input, watch, enabled)
        guard isAdded else { return }
        let bytes = unsafe UnsafeRawBufferPointer(start: space.iov_base, count: count)
        unsafe parser.feed(bytes.assumingMemoryBound(to: UInt8.self).span)
    }
}
