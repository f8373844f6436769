--- `:pool` and `:workers`.
--
-- @module tandem_cli.pool_commands
local nearest = require "tandem_cli.nearest"
local text = require "tandem_cli.text"

local KINDS = {
  threads = "thread", processes = "process", one_lock = "one_lock",
  serial = "serial",
}
local NAMES = { "threads", "processes", "one_lock", "serial" }

-- "thread" and "process" will do as well.
for name, kind in pairs { thread = "thread", process = "process" } do
  KINDS[name] = kind
end

local WORDS = {
  thread = "threads, which run Lua at the same time",
  process = "processes, where a crash hurts one task",
  one_lock = "threads that share one lock, as CPython's do",
  serial = "serial, one task after another, in this thread",
}

local function describe(session)
  local words = WORDS[session.pool_kind]
  if session.pool_kind ~= "serial" then
    words = ("%s, at most %d of them"):format(words, session.workers)
  end
  session.write(text.wrap("pool: " .. words, session.width, 2) .. "\n")
end

local function count_of(word)
  local n = math.tointeger(tonumber(word))
  if n and n > 0 then return n end
  error(("how many workers is '%s'? A whole number above 0"):format(word), 0)
end

-- Of a wrong argument or option what is in brackets: the rest is about our own
-- call.
local function in_words(problem)
  if type(problem) ~= "string" then return tostring(problem) end
  return (problem:gsub("^.*bad %a+ .-%((.*)%)$", "%1"))
end

local function try(session, method, ...)
  local ok, problem = pcall(session[method], session, ...)
  if not ok then return in_words(problem) end
  describe(session)
end

local function pool(session, args)
  if not args[1] then return describe(session) end
  local kind = KINDS[args[1]]
  if not kind then
    return ("there is no pool of '%s'%s\nthreads, processes, one_lock, serial")
      :format(args[1], nearest.hint(args[1], NAMES))
  end
  if kind == "serial" and args[2] then
    return "a serial pool has no workers to count; try :pool serial"
  end
  return try(session, "use_pool", kind, args[2] and count_of(args[2]))
end

local function workers(session, args)
  if not args[1] then return describe(session) end
  if session.pool_kind == "serial" then
    return "a serial pool has no workers; try :pool threads 4"
  end
  return try(session, "resize", count_of(args[1]))
end

return {
  { name = "pool", usage = "KIND [N]", most = 2, run = pool,
    summary = "which kind of pool runs it",
    help = [[
KIND is one of
  threads: they run Lua at the same time
  processes: for isolation; a crash or a kill hurts one task
  one_lock: threads that share one lock, as CPython's do under the GIL: what
computes is no faster on many, what waits is
  serial: no workers, one task after another

N is how many workers it may have; without it, as many as suit this machine.
The pool is also the global variable pool.
    :pool threads 8
    :pool serial]] },
  { name = "workers", usage = "N", most = 1, run = workers,
    summary = "how many workers it has",
    help = "Changes the number of workers of the pool.\n    :workers 4" },
}
