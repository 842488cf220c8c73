"""The Python front end: from decorated functions to a `WorkflowDefinition`.

A `Task` wraps a function and knows its parameters' types. `@workflow` runs its function once, while it is
*traced* (`tracing`): parameters are *handles* (`handles`), and a call of a task becomes a node (`nodes`) and
returns the handle of its result. A handle is a binding with a type: stepping into it extends the binding's
path and the type together (`fields`), passing it to a task compares its type with the parameter's (`binding`,
`assignable`). Values that are known are checked and made plain data then and there (`schemas`). What comes
out is plain data, checked once more by `headrace_protocol.checks`, which every front end shares.

Outside of a trace a task is the function it wraps. A workflow that is called is run *inline*: the same
function with the same plain tasks, whose coroutines are run to their values.

Every mistake is a `DefinitionError` that names the user's file and line (`places`).
"""
