// Records live in a slab so that a small integer names each: the timer wheel, the index and the secondary index all
// hold that integer and none holds a copy. Storage grows chunk by chunk, because doubling one array of a million
// records would copy them all while a lock is held; and low slots are filled first, so that after a burst the records
// gather in low chunks and high ones are given back.

/// Storage for elements at stable slots. A pure value; its owner guards it.
///
/// - A slot is a number from 0 up that stays the element's own until `remove`, and is then given out again.
/// - `insert` takes the lowest free slot of the lowest chunk that has one. Every operation is constant-time, except
///   that `insert` reads one word per 64 chunks (262,144 slots) to find that chunk, and pays for a new chunk's
///   allocation.
/// - A chunk that becomes empty gives its storage back wherever it lies. One such storage is kept as a spare, so that a
///   count swinging around a chunk's edge does not allocate each time: at most one chunk more than needed is held.
///   Handing a large chunk to the allocator costs tens of microseconds (pages go back to the system), inside the
///   `remove` that does it.
/// - The overhead is one bit an element. Vacant places hold a value that its owner names, which should own no memory:
///   with Optionals in their stead every look at one field would copy the element, and count its references.
struct Slab<Element> {
    /// Elements in a chunk: 64 words of 64 bits, so that one word can summarise which words have a free bit.
    static var chunkCapacity: Int { 4_096 }

    /// What vacant places hold.
    private let vacant: Element
    /// The number of elements.
    private(set) var count = 0
    private var chunks: ContiguousArray<Chunk> = []
    /// A bit for each chunk, set while the chunk has a free slot. Invariant: bits past the last chunk are clear.
    private var chunksWithSpace: ContiguousArray<UInt64> = []
    /// Invariant: words of `chunksWithSpace` below this one are zero.
    private var firstWordWithSpace = 0
    /// Invariant: empty, with the capacity of a chunk or none.
    private var spare: ContiguousArray<Element> = []

    init(vacant: Element) {
        self.vacant = vacant
    }

    /// Chunks whose storage is allocated and in use, for tests.
    var allocatedChunks: Int { chunks.reduce(0) { $0 + ($1.count > 0 ? 1 : 0) } }

    func contains(_ slot: Int32) -> Bool {
        guard slot >= 0, chunkNumber(slot) < chunks.count else { return false }
        return !chunks[chunkNumber(slot)].isFree(place(slot))
    }

    /// The element at an occupied slot; to ask for a vacant one is a mistake of the caller's. Mutation happens in
    /// place: the chunk is this slab's alone, and nothing is copied out and back.
    subscript(slot: Int32) -> Element {
        _read {
            assert(contains(slot), "the slot is vacant")
            yield chunks[chunkNumber(slot)].elements[place(slot)]
        }
        _modify {
            assert(contains(slot), "the slot is vacant")
            yield &chunks[chunkNumber(slot)].elements[place(slot)]
        }
    }

    /// The first occupied slot from this one on, nil past the last: a word is read for each 64 slots.
    func occupied(from slot: Int32) -> Int32? {
        var (number, place) = (chunkNumber(slot), place(slot))
        while number < chunks.count {
            if let found = chunks[number].occupied(from: place) { return Int32(number * Self.chunkCapacity + found) }
            (number, place) = (number + 1, 0)
        }
        return nil
    }

    /// Stores the element at the lowest free slot and returns that slot.
    mutating func insert(_ element: consuming Element) -> Int32 {
        let number = chunkToFill()
        if chunks[number].elements.capacity == 0 {
            swap(&chunks[number].elements, &spare)
            chunks[number].elements.reserveCapacity(Self.chunkCapacity)
        }
        let place = chunks[number].add(element)
        if chunks[number].isFull { chunksWithSpace[number >> 6] &= ~(1 << UInt64(number & 63)) }
        count += 1
        return Int32(number * Self.chunkCapacity + place)
    }

    /// Vacates a slot and returns what it held, or nil when it was vacant.
    @discardableResult
    mutating func remove(_ slot: Int32) -> Element? {
        guard contains(slot) else { return nil }
        let number = chunkNumber(slot)
        let element = chunks[number].take(place(slot), leaving: vacant)
        count -= 1
        chunksWithSpace[number >> 6] |= 1 << UInt64(number & 63)
        firstWordWithSpace = min(firstWordWithSpace, number >> 6)
        if chunks[number].count == 0 { releaseStorage(of: number) }
        return element
    }

    private func chunkNumber(_ slot: Int32) -> Int { Int(slot) / Self.chunkCapacity }
    private func place(_ slot: Int32) -> Int { Int(slot) % Self.chunkCapacity }

    /// The lowest chunk with a free slot, made if there is none.
    private mutating func chunkToFill() -> Int {
        while firstWordWithSpace < chunksWithSpace.count {
            let word = chunksWithSpace[firstWordWithSpace]
            if word != 0 { return firstWordWithSpace * 64 + word.trailingZeroBitCount }
            firstWordWithSpace += 1
        }
        let number = chunks.count
        precondition(number < Int(Int32.max) / Self.chunkCapacity, "a slab holds fewer than 2^31 elements")
        chunks.append(Chunk())
        if number >> 6 == chunksWithSpace.count { chunksWithSpace.append(0) }
        chunksWithSpace[number >> 6] |= 1 << UInt64(number & 63)
        firstWordWithSpace = number >> 6
        return number
    }

    /// Takes the storage from an empty chunk, and drops the chunks at the tail that are left without any.
    private mutating func releaseStorage(of number: Int) {
        var storage: ContiguousArray<Element> = []
        swap(&storage, &chunks[number].elements)
        if spare.capacity == 0 {
            storage.removeAll(keepingCapacity: true)
            swap(&storage, &spare)
        }
        while let last = chunks.last, last.count == 0 {
            chunks.removeLast()
            chunksWithSpace[chunks.count >> 6] &= ~(1 << UInt64(chunks.count & 63))
        }
        chunksWithSpace.removeLast(chunksWithSpace.count - (chunks.count + 63) / 64)
        firstWordWithSpace = min(firstWordWithSpace, chunksWithSpace.count)
    }

    /// A run of `chunkCapacity` slots.
    fileprivate struct Chunk {
        /// Invariant: reaches just past the highest place used since the chunk was last empty; holds the vacant value
        /// exactly where free.
        var elements: ContiguousArray<Element> = []
        /// A bit for each place, set while it is free.
        private var free = ContiguousArray<UInt64>(repeating: .max, count: 64)
        /// A bit for each word of `free`. Invariant: set exactly while that word is not zero.
        private var freeWords = UInt64.max
        private(set) var count = 0

        var isFull: Bool { freeWords == 0 }

        func isFree(_ place: Int) -> Bool { free[place >> 6] & (1 << UInt64(place & 63)) != 0 }

        /// The first occupied place from this one on.
        func occupied(from place: Int) -> Int? {
            guard count > 0 else { return nil }
            var mask = UInt64.max << UInt64(place & 63)
            for word in place >> 6..<free.count {
                let bits = ~free[word] & mask
                if bits != 0 { return word * 64 + bits.trailingZeroBitCount }
                mask = .max
            }
            return nil
        }

        /// Fills the lowest free place, which lies among `elements` or just past them, and returns it. The chunk is not
        /// full.
        mutating func add(_ element: consuming Element) -> Int {
            let word = freeWords.trailingZeroBitCount
            let place = word * 64 + free[word].trailingZeroBitCount
            free[word] &= free[word] - 1
            if free[word] == 0 { freeWords &= freeWords - 1 }
            if place == elements.count { elements.append(element) } else { elements[place] = element }
            count += 1
            return place
        }

        /// Vacates an occupied place.
        mutating func take(_ place: Int, leaving vacant: Element) -> Element {
            free[place >> 6] |= 1 << UInt64(place & 63)
            freeWords |= 1 << UInt64(place >> 6)
            count -= 1
            let element = elements[place]
            elements[place] = vacant
            return element
        }
    }
}

extension Slab: Sendable where Element: Sendable {}
extension Slab.Chunk: Sendable where Element: Sendable {}

extension Slab {
    /// Stops a debug build where what is said of the fields does not hold. Looks at everything: for tests.
    func checkInvariants() {
        assert(count == chunks.reduce(0) { $0 + $1.count }, "the count is that of all chunks")
        assert(chunksWithSpace.count == (chunks.count + 63) / 64, "there is a bit for each chunk")
        for (word, bits) in chunksWithSpace.enumerated() {
            assert(bits == 0 || word >= firstWordWithSpace, "nothing is free below the first word with space")
            for bit in 0..<64 {
                let number = word * 64 + bit
                let isFree = bits & (1 << UInt64(bit)) != 0
                assert(
                    isFree == (number < chunks.count && !chunks[number].isFull),
                    "a chunk's bit says whether it has space")
            }
        }
        assert(spare.isEmpty, "the spare storage is empty")
        for chunk in chunks { chunk.checkInvariants() }
    }
}

extension Slab.Chunk {
    func checkInvariants() {
        assert(
            free.reduce(0) { $0 + $1.nonzeroBitCount } == free.count * 64 - count,
            "as many places are free as are not in use")
        for (word, bits) in free.enumerated() {
            assert(
                (freeWords & (1 << UInt64(word)) != 0) == (bits != 0), "a word's bit says whether a place in it is free"
            )
        }
        assert(elements.count >= count, "every place in use is among the elements")
        for place in elements.count..<free.count * 64 { assert(isFree(place), "what is past the elements is free") }
    }
}
