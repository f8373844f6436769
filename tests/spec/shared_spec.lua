--- One pool for several states of a process. The workers of a thread pool are
-- such states: each has a Lua of its own, in a thread of its own.
local check = require "spec.support.check"
local files = require "spec.support.files"
local for_each_pool = require "spec.support.pools"
local gates = require "spec.support.gate"
local socket = require "socket"
local tandem = require "tandem"

local names = 0

-- Options of a pool that no other case uses.
local function options_of(more)
  names = names + 1
  local options = { name = "app" .. names, shared = true, linger = 0,
                    max_workers = 2 }
  for name, value in pairs(more or {}) do options[name] = value end
  return options
end

local function task(name)
  return "fixtures.shared:" .. name
end

for _, kind in ipairs { "thread", "process" } do
  local make = tandem[kind .. "_pool"]

  -- The pool of the support is that of the states.
  for_each_pool(function(new_states)
    describe("a shared " .. kind .. " pool", function()
      local opened

      before_each(function() opened = {} end)
      after_each(function()
        gates.open_all()
        for _, pool in ipairs(opened) do pool:shutdown() end
        opened = nil
      end)

      local function join(options)
        local pool = make(options)
        opened[#opened + 1] = pool
        return pool
      end

      local function await_end_of(id)
        local path = kind == "thread" and "/proc/self/task/" or "/proc/"
        check.eventually(function()
          return files.read(path .. id .. "/stat") == ""
        end, "the end of the worker")
      end

      it("is one for all who name it", function()
        local options = options_of { max_workers = 1 }
        local a, b = join(options), join(options)
        assert.not_equal(a, b)
        assert.equal(4, a:call("fixtures.basic:square", 2))
        assert.equal(9, b:call("fixtures.basic:square", 3))
        assert.equal(a:workers()[1].tid, b:workers()[1].tid)
        local other = new_states(1):call(task "who", kind, options)
        assert.equal(a:workers()[1].tid, other)
        assert.equal(1, #a:workers())
        assert.matches(options.name, tostring(b))
      end)

      it("is apart from those of other names", function()
        local a, b = join(options_of()), join(options_of())
        assert.not_equal(a:call(task "id"), b:call(task "id"))
      end)

      it("is apart from one that is not shared", function()
        local options = options_of()
        local a = join(options)
        options.shared, options.linger = nil, nil
        local b = join(options)
        assert.not_equal(a:call(task "id"), b:call(task "id"))
      end)

      it("serves several states at once", function()
        local options, states = options_of(), new_states(4)
        local list = {}
        for _, way in ipairs { "call", "map", "reduce", "then" } do
          for first = 1, 301, 100 do
            list[#list + 1] = states:submit(task "squares", kind, options,
                                            first, first + 99, way)
          end
        end
        local sum = 0
        for _, future in ipairs(list) do
          sum = sum + future:result(check.BOUND)
        end
        assert.equal(4 * 400 * 401 * 801 // 6, sum)
      end)

      it("goes on when one of them leaves", function()
        local options, gate = options_of(), gates.new()
        local mine = join(options)
        local states = new_states { max_workers = 2, max_tasks_per_worker = 1 }
        local holds = states:submit(task "hold", kind, options, gate.path)
        gate:wait_started(1)
        for i = 1, 5 do
          assert.equal(i * i, mine:call("fixtures.basic:square", i))
          assert.equal(55, states:call(task "squares", kind, options, 1, 5))
        end
        mine:shutdown()
        check.kind("closed", mine.submit, mine, "fixtures.basic:square", 1)
        gate:open()
        assert.equal(9, holds:result(check.BOUND))
      end)

      it("cancels and ends for each what is its own", function()
        local options = options_of { max_workers = 1 }
        local mine, gate = join(options), gates.new()
        local held = mine:submit("fixtures.gate:wait", gate.path, "held")
        gate:wait_started(1)
        local pending = mine:submit("fixtures.basic:square", 5)
        local states = new_states { max_workers = 1, max_tasks_per_worker = 1 }
        local n, status = states:call(task "cancel", kind, options, 10)
        assert.same({ 10, "cancelled" }, { n, status })
        -- This state is closed while its tasks wait behind those of another.
        assert.is_true(states:call(task "leave", kind, options, gate.path, 3))
        assert.equal(1, states:call("fixtures.basic:square", 1))
        assert.equal("pending", pending:status())
        gate:open()
        assert.equal("held", held:result(check.BOUND))
        assert.equal(25, pending:result(check.BOUND))
        assert.equal(1, gate:started())
      end)

      it("stops what a state leaves running", function()
        local options = options_of()
        local mine, gate = join(options), gates.new()
        local states = new_states { max_workers = 1, max_tasks_per_worker = 1 }
        mine:call("fixtures.basic:square", 1)
        states:call(function(how, opts)
          local pool = require("tandem")[how .. "_pool"](opts)
          local future = pool:submit(function()
            while true do pcall(error) end
          end)
          while future:status() == "pending" do pool:stats() end
        end, kind, options)
        states:call("fixtures.basic:square", 1)
        check.eventually(function()
          return mine:stats().running == 0
        end, "the end of the other's task")
        gate:open()
        assert.equal(4, mine:call("fixtures.basic:square", 2))
      end)

      if kind == "thread" then
        -- The first of its kind does not end.
        local function endless_options(more)
          local options = options_of(more)
          options.initializer = task "start"
          options.initargs = { files.directory() .. "/started" }
          options.max_workers, options.exit_timeout = 1, check.BOUND
          return options
        end

        local function starts(options)
          return #files.read(options.initargs[1])
        end

        it("ends a start that nobody waits for, with who leaves", function()
          local options = endless_options()
          local mine, other = join(options), join(options)
          local future = mine:submit("fixtures.basic:square", 1)
          check.eventually(function() return starts(options) == 1 end,
                           "the start of a worker")
          assert.is_true(mine:shutdown { kill = true, timeout = check.BOUND })
          assert.equal("cancelled", future:status())
          assert.equal(9, other:call("fixtures.basic:square", 3))
          assert.equal(2, starts(options))
          local stats = other:stats()
          assert.same({ 2, 1, 0 },
                      { stats.submitted, stats.cancelled, stats.failed })
        end)

        it("ends it before it has begun, too", function()
          for _ = 1, 50 do
            local options = endless_options()
            local mine = join(options)
            local future = mine:submit("fixtures.basic:square", 1)
            assert.is_true(mine:shutdown { kill = true, timeout = check.BOUND })
            assert.equal("cancelled", future:status())
          end
        end)

        it("ends it where an error leaves the scope", function()
          local options, pool, future = endless_options(), nil, nil
          check.raises(function()
            local scope <close> = join(options)
            pool = scope
            future = pool:submit("fixtures.basic:square", 1)
            check.eventually(function() return starts(options) == 1 end,
                             "the start of a worker")
            error("on purpose")
          end)
          assert.equal("cancelled", future:status())
          assert.is_true(pool:shutdown { timeout = 0 })
        end)

        it("ends it for the one who comes after a while", function()
          local options = endless_options { linger = 1 }
          local mine = join(options)
          mine:submit("fixtures.basic:square", 1)
          check.eventually(function() return starts(options) == 1 end,
                           "the start of a worker")
          assert.is_true(mine:shutdown { kill = true, timeout = check.BOUND })
          assert.equal(9, join(options):call("fixtures.basic:square", 3))
        end)

        it("goes on with a start that others wait for", function()
          local gate = gates.new()
          local options = options_of {
            max_workers = 1, initializer = "fixtures.gate:wait",
            initargs = { gate.path },
          }
          local mine, other = join(options), join(options)
          local future = mine:submit("fixtures.basic:square", 1)
          gate:wait_started(1)
          local waits = other:submit("fixtures.basic:square", 3)
          assert.is_false(mine:shutdown { kill = true, timeout = 0 })
          assert.equal("cancelled", future:status())
          gate:open()
          assert.equal(9, waits:result(check.BOUND))
          assert.is_true(mine:shutdown { timeout = check.BOUND })
          assert.equal(1, gate:started())
        end)
      end

      it("keeps a full queue for all", function()
        local options = options_of { max_workers = 1, queue_limit = 2 }
        local mine, gate = join(options), gates.new()
        local held = mine:submit("fixtures.gate:wait", gate.path)
        gate:wait_started(1)
        mine:submit("fixtures.basic:square", 1)
        mine:submit("fixtures.basic:square", 1)
        local other = new_states(1):submit(task "squares", kind, options, 1, 20)
        local refusing = options_of { name = options.name, on_full = "error",
                                      max_workers = 1 }
        check.kind("full", function()
          join(refusing):submit("fixtures.basic:square", 1)
        end)
        assert.is_false(other:wait(0))
        gate:open()
        assert.equal(2870, other:result(check.BOUND))
        held:result(check.BOUND)
      end)

      it("counts for all", function()
        local options = options_of()
        local mine = join(options)
        mine:call("fixtures.basic:square", 1)
        new_states(1):call(task "squares", kind, options, 1, 10)
        local stats = mine:stats()
        assert.equal(11, stats.submitted)
        assert.equal(11, stats.done)
        assert.equal(0, stats.pending + stats.running)
      end)

      it("waits for the next state that names it", function()
        check.patiently(function(seconds)
          local options = options_of { linger = seconds, max_workers = 1 }
          local states = new_states { max_workers = 1,
                                      max_tasks_per_worker = 1 }
          local first, calls = states:call(task "who", kind, options)
          assert.equal(1, calls)
          for i = 2, 4 do
            local again, n = states:call(task "who", kind, options)
            assert.equal(first, again)
            assert.equal(i, n)
          end
          -- A function of Lua is there already, whichever state sends it.
          local address = states:call(task "address", kind, options)
          assert.equal(address, states:call(task "address", kind, options))
          states:shutdown()
          await_end_of(first)
        end)
      end)

      it("ends when nobody comes", function()
        local options = options_of { linger = 0.05 }
        local pool = make(options)
        local id = pool:call(task "id")
        pool:shutdown()
        await_end_of(id)
      end)

      it("wakes who polls a descriptor", function()
        local pool, called = join(options_of()), false
        local object = { getfd = tandem.fileno, dirty = function() end }
        tandem.poll(0)
        pool:submit("fixtures.basic:square", 4):on_done(function()
          called = true
        end)
        assert.equal(1, #socket.select({ object }, nil, check.BOUND))
        tandem.poll(0)
        assert.is_true(called)
      end)

      it("is made anew where the last one is broken", function()
        local options = options_of { initializer = "fixtures.failing:raise" }
        local first = join(options)
        check.kind("init", function()
          first:submit("fixtures.basic:square", 1):result(check.BOUND)
        end)
        options.initializer = nil
        local second = join(options)
        assert.equal(4, second:call("fixtures.basic:square", 2))
        check.kind("init", first.submit, first, "fixtures.basic:square", 1)
      end)

      it("takes from its first user what it is", function()
        local options = options_of { preload = { "fixtures.basic" } }
        join(options)
        join { name = options.name, shared = true }
        join(options)
        for name, value in pairs { max_workers = 3, queue_limit = 1,
                                   preload = {}, linger = 2,
                                   initializer = "fixtures.basic:nothing",
                                   initargs = { 1 }, path = "?.lua" } do
          local other = { name = options.name, shared = true, [name] = value }
          local message = check.raises(join, other)
          assert.matches("bad option '" .. name .. "' to '" .. kind
            .. "_pool' %(the shared pool '" .. options.name
            .. "' is there already, with ", message)
          assert.matches("shared_spec.lua:%d+: ", message)
        end
        local message = check.raises(join, { name = options.name, shared = true,
                                             memory_limit = 1 << 20 })
        assert.matches("already, with none)", message, 1, true)
      end)

      it("tells of a function that it is another", function()
        local options = options_of { initializer = function() end }
        join(options)
        local message = check.raises(join, {
          name = options.name, shared = true,
          initializer = function() return 1 end,
        })
        assert.matches("already, with another function)", message, 1, true)
      end)

      it("says what it has in the words of its options", function()
        local options = options_of { path = "one", cpath = "two", spin = 7 }
        join(options)
        local function has(name, value)
          local message = check.raises(join,
            { name = options.name, shared = true, [name] = value })
          return message:match("already, with (.*)%)$")
        end
        assert.equal('"7.0"', has("spin", 8))
        assert.equal("none", has("queue_limit", 1))
        join { name = options.name, shared = true, spin = 7.0 }
        -- A line of the one was the end of the other's.
        local path = has("cpath", "one"):sub(2, -2)
        assert.equal(has("path", "two"):sub(2, -2),
                     (path:gsub("two$", "one")))
        assert.is_truthy(has("path", path))
      end)

      it("lingers only where it is shared", function()
        assert.matches("bad option 'linger' to '" .. kind
          .. "_pool' %(only a shared pool lingers%)",
          check.raises(make, { linger = 1 }))
        assert.matches("a number of seconds",
          check.raises(make, { shared = true, linger = -1 }))
        assert.matches("a boolean", check.raises(make, { shared = "app" }))
      end)
    end)
  end, { kind = "thread" })
end

describe("a serial pool", function()
  it("cannot be shared", function()
    assert.matches("bad option 'shared' to 'serial_pool'",
      check.raises(tandem.serial_pool, { shared = true }))
  end)
end)
