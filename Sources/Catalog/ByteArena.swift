// Where the bytes of a shard's instances lie. An array for each would take its header and what an allocator rounds up
// to, together more than a third of what most instances say; so those of about one size lie side by side, in chunks
// that are given back when nothing is left in them.

import Text

/// Runs of bytes by small handles. A pure value; its owner guards it.
///
/// All cells of a chunk have one size, a multiple of eight bytes, and the last byte of a cell says how many bytes at
/// its end are not the run's, itself included. A run that would leave a chunk with few cells has a chunk of its own.
///
/// That byte is 0 in a free cell: to use the handle of a run that was removed, or to remove it again, stops the process
/// instead of handing out bytes that are nobody's, until the cell is another run's.
///
/// Memory: a run takes four and a half bytes more than it has on average; a chunk of 8 KiB begins small and grows by
/// doubling. Every operation takes constant time, but for the copying of a run and of a chunk that grows.
struct ByteArena: Sendable {
    /// What a run is found by, until it is removed.
    struct Handle: Sendable, Equatable {
        /// The number of the chunk above, that of the cell below.
        fileprivate let bits: UInt32

        /// Of no run.
        static let none = Handle(bits: .max)

        fileprivate init(bits: UInt32) { self.bits = bits }

        fileprivate init(chunk: Int32, cell: Int) {
            bits = UInt32(chunk) << ByteArena.cellBits | UInt32(cell)
        }

        fileprivate var chunk: Int { Int(bits >> ByteArena.cellBits) }
        fileprivate var cell: Int { Int(bits & (1 << ByteArena.cellBits - 1)) }
    }

    /// Bytes of a chunk: with an array's header, 8 KiB.
    static let chunkBytes = 8_160
    /// A larger cell has a chunk of its own: eight of this size would fill one.
    static let largestSharedCell = 1_016
    private static let granularity = 8
    /// More than a chunk of the smallest cells has: 1,020.
    fileprivate static let cellBits: UInt32 = 10
    private static let chunkLimit = Int(UInt32.max >> cellBits)

    /// Invariant: those without bytes are exactly the ones in `vacant`.
    private var chunks: ContiguousArray<Chunk> = []
    /// The numbers of chunks that have been given back.
    private var vacant: ContiguousArray<Int32> = []
    /// By the size of their cells, in units of `granularity`, the chunks that have room for another. Empty until there
    /// is a chunk. Invariant: each knows its place here.
    private var open: ContiguousArray<ContiguousArray<Int32>> = []
    /// How many runs there are.
    private(set) var count = 0

    /// The bytes of a run.
    func bytes(_ handle: Handle) -> [UInt8] {
        withRun(handle) { run in [UInt8](room: run.count) { $0.append(run) } }
    }

    /// Lends the bytes of a run.
    @inline(__always)
    func withRun<Result>(_ handle: Handle, _ body: (Span<UInt8>) -> Result) -> Result {
        let bytes = chunks[handle.chunk].bytes
        return body(bytes.span.extracting(chunks[handle.chunk].run(in: handle.cell)))
    }

    /// Puts a run in.
    mutating func insert(_ run: Span<UInt8>) -> Handle {
        let size = Self.cellSize(of: run.count)
        let number = chunkToFill(size)
        let cell = chunks[Int(number)].add(run)
        if chunks[Int(number)].isFull { close(number) }
        count += 1
        return Handle(chunk: number, cell: cell)
    }

    /// Puts a run in place of another, whose handle becomes its own.
    mutating func replace(_ handle: inout Handle, with run: Span<UInt8>) {
        if Self.cellSize(of: run.count) == chunks[handle.chunk].cellSize {
            chunks[handle.chunk].write(run, to: handle.cell)
        } else {
            remove(handle)
            handle = insert(run)
        }
    }

    mutating func remove(_ handle: Handle) {
        let number = handle.chunk
        let wasFull = chunks[number].isFull
        chunks[number].free(handle.cell)
        count -= 1
        if chunks[number].count == 0 {
            if !wasFull { close(Int32(number)) }
            chunks[number] = Chunk()
            vacant.append(Int32(number))
        } else if wasFull {
            reopen(Int32(number))
        }
    }

    /// The bytes of the cell for a run of so many.
    private static func cellSize(of count: Int) -> Int {
        (count + 1 + granularity - 1) / granularity * granularity
    }

    /// A chunk with room for another cell of this size.
    private mutating func chunkToFill(_ size: Int) -> Int32 {
        if open.isEmpty {
            open = ContiguousArray(repeating: [], count: Self.largestSharedCell / Self.granularity + 1)
        }
        if size <= Self.largestSharedCell, let number = open[size / Self.granularity].last { return number }
        let cells = size <= Self.largestSharedCell ? Self.chunkBytes / size : 1
        let number: Int32
        if let last = vacant.popLast() {
            number = last
            chunks[Int(number)] = Chunk(cellSize: size, cells: cells)
        } else {
            precondition(chunks.count < Self.chunkLimit, "an arena has fewer chunks than handles can name")
            number = Int32(chunks.count)
            chunks.append(Chunk(cellSize: size, cells: cells))
        }
        if cells > 1 { reopen(number) }
        return number
    }

    /// The chunk has room.
    private mutating func reopen(_ number: Int32) {
        let size = chunks[Int(number)].cellSize / Self.granularity
        chunks[Int(number)].place = Int32(open[size].count)
        open[size].append(number)
    }

    /// The chunk has no room any more, or goes. Does nothing when it had none.
    private mutating func close(_ number: Int32) {
        let place = Int(chunks[Int(number)].place)
        guard place >= 0 else { return }
        let size = chunks[Int(number)].cellSize / Self.granularity
        let last = open[size].removeLast()
        if last != number {
            open[size][place] = last
            chunks[Int(last)].place = Int32(place)
        }
        chunks[Int(number)].place = -1
    }

    /// Cells of one size, side by side.
    fileprivate struct Chunk: Sendable {
        /// Invariant: `used` cells.
        private(set) var bytes: [UInt8] = []
        /// In bytes.
        let cellSize: Int
        private let cells: Int32
        /// Cells that have been in use, and lie among the bytes.
        private var used: Int32 = 0
        private(set) var count: Int32 = 0
        /// A free cell among those used, or -1. Its first two bytes have the number of the next one, or its own.
        private var firstFree: Int32 = -1
        /// Among the open chunks of its size, or -1.
        var place: Int32 = -1

        /// One that is vacant, unless it gets a size.
        init(cellSize: Int = 0, cells: Int = 0) {
            self.cellSize = cellSize
            self.cells = Int32(cells)
        }

        var isFull: Bool { count == cells }
        private func start(_ cell: Int) -> Int { cell * cellSize }

        /// Where the run in a cell lies.
        func run(in cell: Int) -> Range<Int> {
            let (start, end) = (start(cell), start(cell + 1))
            let rest = Int(bytes[end - 1])
            precondition(rest > 0, "a run that was removed is not asked for")
            return start..<end - rest
        }

        mutating func add(_ run: Span<UInt8>) -> Int {
            let cell: Int
            if firstFree >= 0 {
                cell = Int(firstFree)
                let start = start(cell)
                let next = Int32(bytes[start]) | Int32(bytes[start + 1]) << 8
                firstFree = next == firstFree ? -1 : next
            } else {
                cell = Int(used)
                if bytes.capacity - bytes.count < cellSize {
                    bytes.reserveCapacity(min(Int(cells) * cellSize, max(cellSize, 2 * bytes.capacity)))
                }
                bytes.append(contentsOf: repeatElement(0, count: cellSize))
                used += 1
            }
            count += 1
            write(run, to: cell)
            return cell
        }

        mutating func write(_ run: Span<UInt8>, to cell: Int) {
            bytes.replace(from: start(cell), with: run)
            bytes[start(cell + 1) - 1] = UInt8(cellSize - run.count)
        }

        mutating func free(_ cell: Int) {
            let (start, end) = (start(cell), start(cell + 1))
            precondition(bytes[end - 1] > 0, "a run is removed once")
            bytes[end - 1] = 0
            let next = firstFree < 0 ? Int32(cell) : firstFree
            bytes[start] = UInt8(truncatingIfNeeded: next)
            bytes[start + 1] = UInt8(truncatingIfNeeded: next >> 8)
            firstFree = Int32(cell)
            count -= 1
        }
    }
}

extension ByteArena {
    /// Chunks that take memory, for tests.
    var chunkCount: Int { chunks.count - vacant.count }

    /// Stops a debug build where what is said of the fields does not hold. Looks at everything: for tests.
    func checkInvariants() {
        assert(count == chunks.reduce(0) { $0 + Int($1.count) }, "the count is that of all chunks")
        assert(
            Set(vacant) == Set(chunks.indices.filter { chunks[$0].count == 0 }.map(Int32.init)),
            "a chunk without runs is given back")
        for (size, numbers) in open.enumerated() {
            for (place, number) in numbers.enumerated() {
                let chunk = chunks[Int(number)]
                assert(
                    chunk.cellSize == size * Self.granularity && chunk.place == Int32(place),
                    "an open chunk knows its place")
            }
        }
        for chunk in chunks where chunk.count > 0 {
            assert(chunk.isFull == (chunk.place < 0), "exactly the chunks with room are open")
            chunk.checkInvariants()
        }
    }
}

extension ByteArena.Chunk {
    fileprivate func checkInvariants() {
        assert(bytes.count == Int(used) * cellSize, "the bytes are those of the cells in use")
        var (free, cell) = (Set<Int32>(), firstFree)
        while cell >= 0 {
            assert(cell < used && free.insert(cell).inserted, "a free cell is listed once")
            let start = Int(cell) * cellSize
            assert(bytes[start + cellSize - 1] == 0, "a free cell says so")
            let next = Int32(bytes[start]) | Int32(bytes[start + 1]) << 8
            cell = next == cell ? -1 : next
        }
        assert(Int(count) == Int(used) - free.count, "every cell is free or has a run")
    }
}
