// JSON that decides whom to trust is read strictly: a key given twice is refused whatever it is, because two readers
// that each take another of the two would disagree on what was meant.

import JSON

extension JSONReader {
    /// Reads the object that comes next, each of whose keys comes once, member by member.
    mutating func readStrictObject(
        _ member: (inout JSONReader, JSONText) throws(JSONError) -> Void
    ) throws(JSONError) {
        var seen: Set<[UInt8]> = []
        try enterObject()
        while let key = try nextKey() {
            guard seen.insert(key.utf8).inserted else { throw JSONError(.duplicateKey, at: key.offset) }
            try member(&self, key)
        }
    }

    /// The string that comes next; nil for another value, which is passed over.
    mutating func readStringIfAny() throws(JSONError) -> String? {
        guard try peekType() == .string else {
            try skipValue()
            return nil
        }
        return try readString()
    }
}

/// Reads one whole JSON object strictly.
func readObject(
    _ bytes: [UInt8], member: (inout JSONReader, JSONText) throws(JSONError) -> Void
) throws(JSONError) {
    var reader = JSONReader(bytes)
    try reader.readStrictObject(member)
    try reader.finish()
}
