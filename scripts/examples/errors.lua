-- What goes wrong in a task hurts that task only, and is told.
--
--     tandem run scripts/examples/errors.lua
local tandem = require "tandem"

local pool <close> = tandem.thread_pool(2)

local function show(what, ...)
  print(("%-22s %s"):format(what, table.concat({ ... }, " ")))
end

-- A task's own error comes back as it was raised.
local ok, problem = pcall(pool.call, pool, function() error { code = 42 } end)
show("raised a table:", tostring(ok), "code", problem.code)

-- tandem's own errors are tables of a kind.
local absent = pool:submit("no.such.module:f")
local why = absent:error()
show("no such module:", "kind", why.kind)

-- A future that is not done in time stays good for later.
local nap = pool:submit("tasks.sleep:sleep", 0.2)
local _, late = pcall(nap.result, nap, 0.05)
show("asked too early:", tostring(tandem.is_error(late, "timeout")))
show("asked again:", nap:result())

-- What cannot be sent is refused at once, with the way to it.
local _, refused = pcall(pool.submit, pool, "math:abs", { on = { print } })
show("refused:", (tostring(refused):gsub("^.-(argument #)", "%1")))

-- A map can go on past the items that fail.
local items = { 16, "sixteen", 25 }
for i, root, failed in pool:map("math:sqrt", items, { on_error = "collect" }) do
  show(("root of %s:"):format(items[i]), root or tostring(failed))
end
