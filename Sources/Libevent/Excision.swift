// Bytes that the request parser accepts and evhttp does not are removed from the input before evhttp reads it
// (`RequestParser.takeExcisions`).

import CLibevent
import HTTP

extension Connection {
    /// Takes out of the input what the request parser has understood and evhttp would not. All of it lies behind what
    /// evhttp has taken: evhttp takes whole lines, and a line ends in the same turn in which the request parser is done
    /// with it.
    func excise() {
        let end = machine.parser.bytesFed
        let excisions = machine.takeExcisions()
        guard let first = excisions.first else { return }
        let tail = end - first.lowerBound
        let length = unsafe evbuffer_get_length(input)
        guard tail <= length, let front = unsafe evbuffer_new() else {
            return carryOut(machine.failed())
        }
        defer { unsafe evbuffer_free(front) }
        // What comes in by this has been seen by the request parser.
        watchInput(false)
        defer { watchInput(true) }
        // A plain bufferevent keeps the end of its input frozen for everybody else, but while it reads.
        unsafe evbuffer_unfreeze(input, 0)
        unsafe evbuffer_remove_buffer(input, front, length - tail)
        let bytes = unsafe server.take(tail, from: input)
        var kept: [UInt8] = []
        kept.reserveCapacity(tail)
        var position = first.lowerBound
        for range in excisions {
            kept += bytes[(position - first.lowerBound)..<(range.lowerBound - first.lowerBound)]
            position = range.upperBound
        }
        kept += bytes[(position - first.lowerBound)...]
        unsafe evbuffer_add(input, kept, kept.count)
        unsafe evbuffer_prepend_buffer(input, front)
    }
}
