// What libFuzzer calls, in the program that `make fuzz` builds. The environment says which property is tried.

import Glibc

private let target: FuzzTarget = {
    guard let name = getenv("A8_FUZZ_TARGET"), let target = FuzzTarget(rawValue: String(cString: name)) else {
        fatalError("A8_FUZZ_TARGET is one of \(FuzzTarget.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    return target
}()

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    if let violation = target.violation(bytes) { fatalError(violation) }
    return 0
}
