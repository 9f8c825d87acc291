// The functions travel inside the binary, so that a member loads those that it was built with.

import CRedisFunctions

extension FunctionLibrary {
    /// `functions.lua` as it stands.
    package static let current = FunctionLibrary(
        version: 1,
        code: unsafe String(
            decoding: UnsafeBufferPointer(start: credisfunctions_lua, count: credisfunctions_lua_size), as: UTF8.self))
}
