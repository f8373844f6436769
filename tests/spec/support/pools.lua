--- `for_each_pool`: the same cases over every kind of pool.
local busted = require "busted"
local check = require "spec.support.check"
local files = require "spec.support.files"
local gates = require "spec.support.gate"
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

-- `concurrent` kinds run tasks beside the one who submits them.
local kinds = {
  {
    name = "thread",
    concurrent = true,
    make = function(opts) return tandem.thread_pool(opts) end,
  },
  {
    name = "process",
    concurrent = true,
    make = function(opts) return tandem.process_pool(opts) end,
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

--- Describe the cases of `body(new_pool, kind)` once for each kind of pool.
-- `new_pool(opts)` makes a pool that the support shuts down after the test;
-- `new_pool(opts, "loose")` makes one that the test has to see to itself.
-- With `{ concurrent = true }` the cases are for those kinds alone where a
-- task can be pending, or running, while the spec goes on; with
-- `{ kind = "process" }` they are for that one.
local function for_each_pool(body, options)
  options = options or {}
  for _, kind in ipairs(kinds) do
    if (kind.concurrent or not options.concurrent)
       and (not options.kind or options.kind == kind.name) then
      busted.describe("(" .. kind.name .. " pool)", function()
        local opened, baseline

        busted.before_each(function()
          opened = {}
          baseline = leaks.baseline()
        end)

        busted.after_each(function()
          tear_down(opened)
          leaks.assert_none(baseline)
        end)

        body(function(opts, loose)
          local pool = kind.make(opts)
          if not loose then opened[#opened + 1] = pool end
          return pool
        end, kind.name)
      end)
    end
  end
end

return for_each_pool
