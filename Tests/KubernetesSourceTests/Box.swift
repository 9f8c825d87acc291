// A value that a test asks and changes within one expectation, which holds what it looks at as a constant.

final class Box<Value> {
    var value: Value

    init(_ value: Value) { self.value = value }
}
