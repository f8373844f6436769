--- Pools: making them, and those of their methods that are policy.
-- @classmod pool
local check = require "tandem.check"
local core = require "tandem.core"
local map = require "tandem.map"
local search = require "tandem.search"

local pools = {}
local methods = core.pool_methods
local kinds = check.kinds
-- A host may forbid the mention of globals that it has taken away.
local package = core.loaded("package") or {}

-- How long an idle worker looks for work before it sleeps.
local AUTO_SPIN = 50e-6

local function spin(v)
  if v == "auto" then return v end
  local us = kinds.number(v)
  if us and us >= 0 and us <= 1e6 then return us end
  return nil, "a number of microseconds or \"auto\""
end

local function workers(v)
  local n = kinds.count(v)
  if n and n <= core.MAX_WORKERS then return n end
  return nil, ("a positive integer, at most %d"):format(core.MAX_WORKERS)
end

local MODULES = "a list of module names, and openers of C modules by name"

local function is_index(list, i)
  return math.type(i) == "integer" and i >= 1 and i <= #list
end

local function modules(v)
  if type(v) ~= "table" then return nil, MODULES end
  for i, name in pairs(v) do
    if is_index(v, i) then
      if type(name) ~= "string" then return nil, MODULES end
    elseif type(i) ~= "string" then
      return nil, MODULES
    else
      local address, expected = core.opener_address(name)
      if not address then
        return nil, ("for module '%s' %s"):format(i, expected)
      end
    end
  end
  return v
end

-- Openers are addresses in this process.
local function modules_by_name(v)
  local kept, expected = modules(v)
  if not kept then return nil, expected end
  for i in pairs(v) do
    if not is_index(v, i) then
      return nil, ("module names alone: the opener of '%s' is not in the "
        .. "worker processes"):format(i)
    end
  end
  return v
end

--- The modules to require, those with openers last.
local function names_of(preload)
  local names, own = { table.unpack(preload) }, {}
  for i in pairs(preload) do
    if not is_index(preload, i) then own[#own + 1] = i end
  end
  table.sort(own)
  return table.move(own, 1, #own, #names + 1, names)
end

--- All openers that the workers shall know, as addresses.
local function addresses_of(preload)
  local addresses, openers = {}, require("tandem").openers
  if type(openers) ~= "table" then
    check.fail("bad tandem.openers (expected a table, got " .. type(openers)
      .. ")")
  end
  for name, opener in pairs(openers) do
    local address, expected = core.opener_address(opener)
    if type(name) ~= "string" or not address then
      check.fail(("bad entry '%s' in tandem.openers (expected %s)"):format(
        tostring(name), expected or "the name of a module"))
    end
    addresses[name] = address
  end
  for name, opener in pairs(preload) do
    if not is_index(preload, name) then
      addresses[name] = core.opener_address(opener)
    end
  end
  return addresses
end

local function processes(v)
  local n = kinds.count(v)
  if n and n <= core.MAX_PROCESSES then return n end
  return nil, ("a positive integer, at most %d"):format(core.MAX_PROCESSES)
end

local OPTIONS = {
  max_workers = workers,
  name = kinds.string,
  initializer = function(v)
    local complaint = core.check_task(v, 1, "initializer")
    if not complaint then return v end
    return nil, "a task: " .. (complaint:match("%((.*)%)$") or complaint)
  end,
  initargs = kinds.table,
  max_tasks_per_worker = kinds.count,
  queue_limit = kinds.count,
  timeout = function(v)
    if kinds.number(v) and v > 0 then return v end
    return nil, "a positive number of seconds"
  end,
  on_full = check.one_of("block", "error", "caller"),
  memory_limit = kinds.count,
  metatables = check.one_of("refuse", "drop"),
  path = kinds.string,
  cpath = kinds.string,
  preload = modules,
  spin = spin,
  exit_timeout = kinds.seconds,
  shared = kinds.boolean,
  linger = kinds.seconds,
}

-- What is not of processes and serial pools.
local function no_lock(v)
  if v == false then return v end
  return nil, "none: only the workers of a thread pool can share a lock"
end

local THREAD_OPTIONS = { one_lock = kinds.boolean }
for name, kind in pairs(OPTIONS) do THREAD_OPTIONS[name] = kind end

local PROCESS_OPTIONS = { worker_path = kinds.string }
for name, kind in pairs(OPTIONS) do PROCESS_OPTIONS[name] = kind end
PROCESS_OPTIONS.max_workers = processes
PROCESS_OPTIONS.preload = modules_by_name
PROCESS_OPTIONS.one_lock = no_lock

local SERIAL_OPTIONS = {}
for name, kind in pairs(OPTIONS) do SERIAL_OPTIONS[name] = kind end
SERIAL_OPTIONS.one_lock = no_lock
SERIAL_OPTIONS.shared = function(v)
  if v == false then return v end
  return nil, "false: a serial pool runs its tasks in the state that has it"
end
SERIAL_OPTIONS.timeout = function()
  return nil, "none: a serial pool cannot stop a task"
end

local function check_self(pool, method)
  if core.is_pool(pool) then return end
  check.fail(("bad self of '%s' (expected a pool, got %s); call it as "
    .. "pool:%s(...)"):format(method, type(pool), method))
end

-- What another user of a shared pool may not want otherwise: all that makes
-- its workers. The rest is each user's own.
local COMMON = { "max_workers", "max_tasks_per_worker", "queue_limit",
  "memory_limit", "metatables", "path", "cpath", "preload", "initializer",
  "initargs", "spin", "one_lock", "worker_path", "linger" }

-- How long a shared pool waits for its next user.
local LINGER = 1

--- The option as a line of a pool's note, in the unit that it is given in.
-- Values that have no short form are alike.
local function line_of(name, value)
  if type(value) == "function" then
    value = "function " .. core.task_hash(value)
  elseif type(value) == "table" then
    local parts = {}
    for i, v in ipairs(value) do
      parts[i] = type(v) == "table" and "{}" or tostring(v)
    end
    value = table.concat(parts, ", ")
  elseif name == "spin" then
    value = value * 1e6
  end
  return ("%s=%q"):format(name, tostring(value)):gsub("\n", "n") .. "\n"
end

local function note_of(settings)
  local lines = {}
  for i, name in ipairs(COMMON) do lines[i] = line_of(name, settings[name]) end
  return table.concat(lines)
end

--- What the one who made the pool wanted, as its line has it.
local function shown(value)
  if value == '"nil"' then return "none" end
  return value:find('^"function ') and "another function" or value
end

--- A pool that was there already was made by the first of its users: what this
-- one has named must be what that one wanted.
local function check_shared(where, pool, note, options, settings)
  note = "\n" .. note
  for _, name in ipairs(COMMON) do
    if options[name] ~= nil
      and not note:find("\n" .. line_of(name, settings[name]), 1, true) then
      core.close(pool)
      local theirs = note:match("\n" .. name .. "=([^\n]*)\n")
      if theirs == '"nil"' then theirs = "none" end
      check.fail(("bad option '%s' to '%s' (the shared pool '%s' is there "
        .. "already, with %s)"):format(name, where, settings.name,
        shown(theirs)))
    end
  end
end

local function make(kind, where, options, settings)
  if not options.shared then
    if options.linger then
      check.fail(("bad option 'linger' to '%s' (only a shared pool lingers)")
        :format(where))
    end
    return core.new_pool(kind, settings)
  end
  settings.linger = options.linger or LINGER
  settings.note = note_of(settings)
  local pool, note = core.new_pool(kind, settings)
  if note then check_shared(where, pool, note, options, settings) end
  return pool
end

local function options_of(where, options, known)
  if options == nil or type(options) == "table" then
    return check.options(1, where, options, known)
  end
  return { max_workers = check.value(1, where, "max_workers",
    known.max_workers, options) }
end

local function settings_of(options, default_workers)
  return {
    max_workers = options.max_workers or default_workers(),
    name = options.name or "tandem",
    initializer = options.initializer,
    initargs = options.initargs or {},
    max_tasks_per_worker = options.max_tasks_per_worker,
    queue_limit = options.queue_limit,
    on_full = options.on_full or "block",
    memory_limit = options.memory_limit,
    metatables = options.metatables or "refuse",
    path = search.absolute(options.path or package.path),
    cpath = search.absolute(options.cpath or package.cpath),
    preload = names_of(options.preload or {}),
    openers = addresses_of(options.preload or {}),
    spin = type(options.spin) == "number" and options.spin * 1e-6 or AUTO_SPIN,
    exit_timeout = options.exit_timeout or 5,
    timeout = options.timeout or 0,
    one_lock = options.one_lock,
    worker_path = options.worker_path,
  }
end

--- The worker program: by option, by TANDEM_WORKER, or beside the C module.
local function worker_program(path)
  local named = path or core.getenv("TANDEM_WORKER")
  path = named or core.worker_beside()
  if not path then
    error(core.new_error("limit", "process_pool cannot tell where its worker "
      .. "program is; name it by the option worker_path or by TANDEM_WORKER"))
  end
  local ok, why = core.is_program(path)
  if ok then return search.absolute(path) end
  error(core.new_error("limit", ("process_pool cannot run its worker program "
    .. "%s: %s%s"):format(path, why, named and ""
    or "; name another by the option worker_path or by TANDEM_WORKER")))
end

--- A pool of OS threads, each with its own Lua state: truly parallel, for
-- CPU-bound and for IO-bound tasks alike.
-- @tparam ?number|table options the number of workers (default: processors
--   + 4, at most 32), or a table of options
-- @treturn pool
-- @function tandem.thread_pool
function pools.thread_pool(options)
  options = options_of("thread_pool", options, THREAD_OPTIONS)
  return make("thread", "thread_pool", options, settings_of(options,
    function() return math.min(32, core.cpu_count() + 4) end))
end

--- A pool of worker processes, for isolation: a crash, a leak, `os.exit`, a
-- hard kill hurt one task and nothing else. For speed alone threads do as well,
-- or better: they have no lock in common.
-- @tparam ?number|table options the number of workers (default: processors), or
--   a table of options; besides those of `thread_pool` it takes `worker_path`,
--   where the worker program is
-- @treturn pool
-- @function tandem.process_pool
function pools.process_pool(options)
  options = options_of("process_pool", options, PROCESS_OPTIONS)
  local settings = settings_of(options, core.cpu_count)
  settings.openers = nil
  settings.worker_path = worker_program(settings.worker_path)
  return make("process", "process_pool", options, settings)
end

--- A pool that runs each task inside `submit`, in the caller, through the same
-- encoding and a state of its own: for tests, and as a baseline.
-- @tparam ?table options as for `thread_pool`
-- @treturn pool
-- @function tandem.serial_pool
function pools.serial_pool(options)
  options = options_of("serial_pool", options, SERIAL_OPTIONS)
  return make("serial", "serial_pool", options, settings_of(options,
    function() return 1 end))
end

--- Applies the task to each item.
-- @param task as for `submit`
-- @param items a list, an iterator function, a callable, or `tandem.range`
-- @tparam ?table options `chunk`, `buffer`, `ordered`, `on_error`, `timeout`,
--   `progress`
-- @return an iterator of `index, results`; for a generic `for` with its
--   closing value
function methods:map(task, items, options)
  check_self(self, "map")
  return map.new(self, core.MAP, task, items, options)
end

--- As `map`; each item is a list of arguments.
function methods:starmap(task, items, options)
  check_self(self, "starmap")
  return map.new(self, core.STARMAP, task, items, options)
end

--- Applies the task to each item and folds the results with `combine`, inside
-- the workers, then folds the partial results in order.
-- @param task as for `submit`
-- @param combine a task of two arguments, associative
-- @param items as for `map`
-- @tparam ?table options as for `map`
-- @return the value; nil for no items
function methods:reduce(task, combine, items, options)
  check_self(self, "reduce")
  return map.reduce(self, task, combine, items, options)
end

local SHUTDOWN = {
  wait = kinds.boolean,
  cancel_pending = kinds.boolean,
  timeout = kinds.number,
  kill = kinds.boolean,
}

--- Takes no more tasks, and waits for those that it has.
-- @tparam ?table options `wait` (default true), `cancel_pending` (default
--   false), `timeout` in seconds, `kill` (default false: cancel what has not
--   started, kill worker processes, and tell tasks of threads to end; a thread
--   itself cannot be killed)
-- @treturn boolean true when all is done; else false and the list of futures
--   that are not, as far as anybody still has them
function methods:shutdown(options)
  check_self(self, "shutdown")
  options = check.options(1, "shutdown", options, SHUTDOWN)
  core.close(self)
  if options.cancel_pending or options.kill then self:cancel_pending() end
  if options.kill then core.kill(self) end
  local timeout = options.timeout
  if options.wait == false then timeout = 0 end
  if core.wait_over(self, timeout) then return true end
  return false, core.unfinished(self)
end

local view = {}

local function check_view(self, method)
  if getmetatable(self) == view then return end
  check.fail(("bad self of '%s' (expected a view of a pool, got %s)"):format(
    method, type(self)))
end
local VIEW = {
  priority = function(v)
    local n = kinds.integer(v)
    if n and n >= -0x80000000 and n <= 0x7fffffff then return n end
    return nil, "an integer"
  end,
  retries = function(v)
    local n = kinds.integer(v)
    if n and n >= 0 and n <= core.MOST_RETRIES then return n end
    return nil, ("an integer from 0 to %d"):format(core.MOST_RETRIES)
  end,
  timeout = OPTIONS.timeout,
  name = kinds.string,
}

--- A view of the pool with other settings for what is submitted through it.
-- @tparam table options `priority` (higher first, default 0), `retries` (how
--   often to run a task again whose worker process died under it, default 0),
--   `timeout` (seconds that a task may run),
--   `name` (shown in the place of the task)
-- @return a view with submit, call, map, starmap, reduce, with
function methods:with(options)
  check_self(self, "with")
  options = check.options(1, "with", options, VIEW)
  return setmetatable({
    pool = self,
    priority = options.priority or 0,
    retries = options.retries or 0,
    timeout = options.timeout,
    name = options.name,
  }, view)
end

--- The pool that runs this task, or nil.
pools.around = core.pool_around

--- Is this a view of a pool?
function pools.is_view(v)
  return getmetatable(v) == view
end

view.__index = view
view.__name = "tandem.View"

function view:submit(task, ...)
  check_view(self, "submit")
  return core.submit_with(self.pool, self.priority, self.retries,
    self.timeout, self.name, task, ...)
end

function view:call(task, ...)
  check_view(self, "call")
  return self:submit(task, ...):result()
end

function view:map(task, items, options)
  check_view(self, "map")
  return map.new(self.pool, core.MAP, task, items, options, self)
end

function view:starmap(task, items, options)
  check_view(self, "starmap")
  return map.new(self.pool, core.STARMAP, task, items, options, self)
end

function view:reduce(task, combine, items, options)
  check_view(self, "reduce")
  return map.reduce(self.pool, task, combine, items, options, self)
end

function view:with(options)
  check_view(self, "with")
  options = check.options(1, "with", options, VIEW)
  return setmetatable({
    pool = self.pool,
    priority = options.priority or self.priority,
    retries = options.retries or self.retries,
    timeout = options.timeout or self.timeout,
    name = options.name or self.name,
  }, view)
end

--- Cancels what has not started, tells the rest to end, and kills what does not
-- (of processes).
local function break_off(pool)
  pool:cancel_pending()
  core.interrupt(pool)
  local in_time = core.wait_over(pool, core.exit_timeout(pool))
  if not in_time then core.kill(pool) end
end

-- Leaving the block waits for all. Leaving it by an error breaks all off, and
-- lets the error go on. An error that ends the waiting is one: Ctrl-C.
function core.pool_meta.__close(pool, err)
  if core.is_around(pool) then return end
  core.close(pool)
  if err ~= nil then return break_off(pool) end
  local waited, why = pcall(core.wait_over, pool)
  if waited then return end
  break_off(pool)
  error(why, 0)
end

return pools
