--- `for_each_pool`: the same cases over every kind of pool.
local busted = require "busted"
local check = require "spec.support.check"
local files = require "spec.support.files"
local gates = require "spec.support.gate"
local grace = require "spec.support.grace"
local leaks = require "spec.support.leaks"
local tandem = require "tandem"

local function copy_without_workers(opts)
  local copy = {}
  for name, value in pairs(type(opts) == "table" and opts or {}) do
    copy[name] = value
  end
  copy.max_workers = nil
  return copy
end

-- With TANDEM_SHARED=1 the pools are shared ones, each under a name of its own:
-- one that others may use shall be no different for who is alone with it.
local is_shared = os.getenv("TANDEM_SHARED") == "1"
local last_name = 0

local function shareable(opts)
  if not is_shared then return opts end
  local copy = { shared = true, linger = 0 }
  if type(opts) == "number" then copy.max_workers = opts end
  for name, value in pairs(type(opts) == "table" and opts or {}) do
    copy[name] = value
  end
  last_name = last_name + 1
  copy.name = ("%s%d"):format(copy.name or "t", last_name)
  return copy
end

-- `concurrent` kinds run tasks beside the one who submits them.
local kinds = {
  {
    name = "thread",
    concurrent = true,
    make = function(opts) return tandem.thread_pool(shareable(opts)) end,
  },
  {
    name = "process",
    concurrent = true,
    make = function(opts) return tandem.process_pool(shareable(opts)) end,
  },
  {
    name = "serial",
    make = function(opts)
      return tandem.serial_pool(copy_without_workers(opts))
    end,
  },
}

local report = tandem.on_callback_error

-- Busted ends a test that fails in the middle of things: whatever it left
-- standing is let go here, in an order that cannot block.
local function tear_down(opened)
  grace.short()
  gates.open_all()
  local ended = true
  for i = #opened, 1, -1 do
    local done = opened[i]:shutdown { cancel_pending = true,
                                      timeout = check.BOUND }
    ended = ended and done
    opened[i] = nil
  end
  gates.close_all()
  files.remove_all()
  tandem.on_callback_error = report
  if not ended then error("a pool did not end", 0) end
end

-- Describe the cases of `body`, which gets a maker of pools for each of `list`,
-- then their names. The pools are shut down after each test.
local function describe(list, body)
  local names, makers, opened, baseline = {}, {}, nil, nil
  for i, kind in ipairs(list) do
    names[i] = kind.name
    makers[i] = function(opts, loose)
      local pool = kind.make(opts)
      if not loose then opened[#opened + 1] = pool end
      return pool
    end
  end
  busted.describe("(" .. table.concat(names, " to ") .. " pool)", function()
    busted.before_each(function()
      opened = {}
      grace.plenty()
      baseline = leaks.baseline()
    end)

    busted.after_each(function()
      tear_down(opened)
      leaks.assert_none(baseline)
    end)

    table.move(names, 1, #names, #makers + 1, makers)
    body(table.unpack(makers))
  end)
end

local function is_meant(kind, options)
  return (kind.concurrent or not options.concurrent)
    and (not options.kind or options.kind == kind.name)
end

local for_each = {}

--- Describe the cases of `body(new_pool, kind)` once for each kind of pool.
-- `new_pool(opts)` makes a pool that the support shuts down after the test;
-- `new_pool(opts, "loose")` makes one that the test has to see to itself.
-- With `{ concurrent = true }` the cases are for those kinds alone where a
-- task can be pending, or running, while the spec goes on; with
-- `{ kind = "process" }` they are for that one.
function for_each.pool(body, options)
  for _, kind in ipairs(kinds) do
    if is_meant(kind, options or {}) then describe({ kind }, body) end
  end
end

--- Describe the cases of `body(new_first, new_second, first, second)` once for
-- each pair of kinds. The options are for the first.
function for_each.pair(body, options)
  for _, first in ipairs(kinds) do
    for _, second in ipairs(kinds) do
      if is_meant(first, options or {}) then
        describe({ first, second }, body)
      end
    end
  end
end

return setmetatable(for_each, {
  __call = function(_, body, options) for_each.pool(body, options) end,
})
