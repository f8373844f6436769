--- Continuations: `future:and_then`.
local check = require "spec.support.check"
local files = require "spec.support.files"
local for_each = require "spec.support.pools"
local gates = require "spec.support.gate"
local grace = require "spec.support.grace"
local low = require "spec.support.low"
local run_script = require "spec.support.script"
local scale = require "spec.support.scale"
local tandem = require "tandem"

local ECHO, NOTE = "fixtures.basic:echo", "fixtures.basic:note"

local function pack(future)
  return table.pack(future:result(check.BOUND))
end

local function collect()
  collectgarbage()
  collectgarbage()
end

local function finished(future)
  assert.is_true(future:wait(check.BOUND))
  return future
end

-- Futures of the same task: not done, as a rule, then done, then asked for.
local function each_moment(pool, task, ...)
  local early = pool:submit(task, ...)
  local asked = pool:submit(task, ...)
  pcall(asked.result, asked, check.BOUND)
  return ipairs { early, finished(pool:submit(task, ...)), asked }
end

-- Until the file has a line. A loop of Lua that calls nothing of tandem.
local function spin_until_written(path)
  local deadline = os.time() + check.BOUND
  while files.read(path) == "" do
    assert.is_true(os.time() <= deadline, "nobody wrote " .. path)
  end
end

describe("and_then", function()
  for_each.pair(function(new_first, new_second, _, second)
    local function case(title, fn)
      it(title, function()
        fn(new_first { max_workers = 1 }, new_second { max_workers = 2 })
      end)
    end

    case("calls the task with the results, then with what it was given",
    function(first_pool, second_pool)
      for _, values in ipairs {
        { n = 0 }, { n = 1 }, { n = 3, 1, nil, nil }, { n = 3, nil, "x", nil },
        { n = 2, { { deep = { 1, 2.5 } } }, false },
      } do
        for _, f in each_moment(first_pool, ECHO,
                                table.unpack(values, 1, values.n)) do
          local none = f:and_then(second_pool, "fixtures.basic:count")
          local some = f:and_then(second_pool, "fixtures.basic:count", nil,
                                  { "own" }, nil)
          assert.same({ n = 1 + values.n, values.n,
                        table.unpack(values, 1, values.n) }, pack(none))
          local all = pack(some)
          assert.equal(1 + values.n + 3, all.n)
          assert.equal(values.n + 3, all[1])
          assert.same({ nil, { "own" }, nil },
                      { table.unpack(all, all.n - 2, all.n) })
          assert.same(values, pack(f))
        end
      end
    end)

    case("runs the task where it is told",
    function(first_pool, second_pool)
      local f = first_pool:submit(ECHO)
        :and_then(second_pool, "fixtures.inside:current")
      assert.equal(second, f:result(check.BOUND).pool)
    end)

    case("carries many values", function(first_pool, second_pool)
      for _, f in each_moment(first_pool, "fixtures.results:many", 200) do
        local all = pack(f:and_then(second_pool, "fixtures.basic:count", "end"))
        assert.equal(202, all.n)
        assert.equal(200, all[201])
        assert.equal("end", all[202])
      end
    end)

    case("carries strings of several MiB, there and back",
    function(first_pool, second_pool)
      local size, own_size = 5 << 20, 3 << 20
      if scale.slow then size, own_size = size // 8, own_size // 8 end
      for _, f in each_moment(first_pool, "fixtures.basic:repeated", "ab",
                              size // 2) do
        local there = f:and_then(second_pool, ECHO, ("z"):rep(own_size))
        local back = there:and_then(first_pool, "fixtures.results:bytes")
        assert.same({ n = 3, size, 97, 98 }, pack(back))
        local text, own = there:result()
        assert.equal(("ab"):rep(size // 2), text)
        assert.equal(own_size, #own)
      end
    end)

    case("keeps what is shared within the results",
    function(first_pool, second_pool)
      local f = first_pool:submit("fixtures.results:cycle")
      assert.is_true(f:and_then(second_pool, "fixtures.results:same")
                     :result(check.BOUND))
      f:result()
      assert.is_true(f:and_then(second_pool, "fixtures.results:same")
                     :result(check.BOUND))
    end)

    case("takes functions", function(first_pool, second_pool)
      local f = first_pool:submit(function(a) return a, a + 1 end, 5)
      f = f:and_then(second_pool, function(a, b, c) return a * b * c end, 10)
      assert.equal(300, f:result(check.BOUND))
    end)

    case("goes to and fro", function(first_pool, second_pool)
      local f = first_pool:submit(ECHO, 0)
      for i = 1, 20 do
        f = f:and_then(i % 2 == 0 and first_pool or second_pool,
                       "fixtures.basic:add", i)
      end
      assert.equal(210, f:result(check.BOUND))
    end)

    case("runs on the future's own pool, where none is named",
    function(first_pool, second_pool)
      local f = first_pool:submit(ECHO, 1):and_then(second_pool, ECHO)
      local g = f:and_then("fixtures.inside:current")
      assert.equal(second, select(2, g:result(check.BOUND)) or
                   g:result().pool)
      finished(g)
      assert.equal(2, f:and_then("fixtures.basic:add", 1):result(check.BOUND))
    end)

    case("passes the error value on, its traceback, and who it was",
    function(first_pool, second_pool)
      for _, value in ipairs { "text", 42, false, { code = { 7 } } } do
        for _, f in each_moment(first_pool, "fixtures.failing:raise", value) do
          local g = f:and_then(second_pool, ECHO):and_then(first_pool, ECHO)
          assert.same(value, check.raises(g.result, g, check.BOUND))
          assert.equal("failed", g:status())
          local _, expected = f:error()
          local err, traceback = g:error()
          assert.same(value, err)
          assert.equal(expected, traceback)
          assert.equal("fixtures.failing:raise", g:info().task)
          assert.equal(f:info().worker, g:info().worker)
        end
      end
    end)

    case("passes tandem's own errors on, and names the task that failed",
    function(first_pool, second_pool)
      local function fails_as(kind, task, ...)
        for _, f in each_moment(first_pool, task, ...) do
          local g = f:and_then(second_pool:with { name = "last" }, ECHO)
          local err = check.kind(kind, g.result, g, check.BOUND)
          assert.equal(task, err.task)
        end
      end
      fails_as("task", "fixtures.failing:raise", nil)
      fails_as("load", "fixtures.missing:x")
      fails_as("encode", "fixtures.results:a_function")
    end)

    case("fails as the continuation does, and the first stays done",
    function(first_pool, second_pool)
      local f = first_pool:submit(ECHO, "fine")
      local g = f:and_then(second_pool, "fixtures.failing:raise")
      assert.equal("fine", check.raises(g.result, g, check.BOUND))
      assert.equal("fine", f:result())
      local h = f:and_then(second_pool, "fixtures.basic:missing")
      assert.equal("fixtures.basic:missing",
                   check.kind("load", h.result, h, check.BOUND).task)
    end)

    case("counts on both pools, whatever comes of it",
    function(first_pool, second_pool)
      local good, bad = first_pool:submit(ECHO, 1),
                        first_pool:submit("fixtures.failing:boom")
      for _ = 1, 3 do
        finished(good:and_then(second_pool, ECHO))
        finished(bad:and_then(second_pool, ECHO):and_then(second_pool, ECHO))
      end
      first_pool:shutdown()
      second_pool:shutdown()
      local a, b = first_pool:stats(), second_pool:stats()
      assert.same({ 2, 1, 1, 0, 0, 0 }, { a.submitted, a.done, a.failed,
                                          a.cancelled, a.pending, a.running })
      assert.same({ 9, 3, 6, 0, 0, 0 }, { b.submitted, b.done, b.failed,
                                          b.cancelled, b.pending, b.running })
    end)

    case("tells times and sizes as any task", function(first_pool, second_pool)
      local before = tandem.now()
      local f = first_pool:submit("fixtures.basic:repeated", "x", 5000)
      local g = finished(f:and_then(second_pool:with { name = "count" },
                                    "fixtures.results:bytes"))
      local info = g:info()
      assert.equal("count", info.task)
      assert.equal("done", info.status)
      assert.is_true(info.bytes_in > 5000)
      assert.is_true(info.queued >= before and info.started >= info.queued
                     and info.finished >= info.started)
      assert.is_true(info.queued >= f:info().finished)
    end)

    case("is waited for as any future", function(first_pool, second_pool)
      local list = {}
      for i = 1, 6 do
        list[i] = first_pool:submit(ECHO, i)
          :and_then(second_pool, "fixtures.basic:add", 10)
          :and_then(first_pool, "fixtures.basic:add", 100)
      end
      local done, rest = tandem.wait(list, { timeout = check.BOUND })
      assert.same({ 6, 0 }, { #done, #rest })
      local seen = {}
      for f in tandem.as_completed(list, check.BOUND) do
        seen[#seen + 1] = f:result()
      end
      table.sort(seen)
      assert.same({ 111, 112, 113, 114, 115, 116 }, seen)
      assert.equal(114, tandem.all(list):result(check.BOUND)[4][1])
    end)

    case("is yielded by as_completed, whichever thread has to run it",
    function(first_pool, second_pool)
      local list = {}
      for i = 1, 6 do
        list[i] = first_pool:submit(ECHO, i):and_then(second_pool, ECHO)
      end
      local n = 0
      for _ in tandem.as_completed(list, check.BOUND) do n = n + 1 end
      assert.equal(6, n)
      local any = tandem.any {
        first_pool:submit("fixtures.failing:boom"):and_then(second_pool, ECHO),
        first_pool:submit(ECHO, "any"):and_then(second_pool, ECHO),
      }
      assert.equal("any", any:result(check.BOUND))
    end)

    case("continues groups, settled or not", function(first_pool, second_pool)
      local function group(how)
        return tandem[how] { first_pool:submit(ECHO, "a", nil),
                             first_pool:submit(ECHO, { "b" }) }
      end
      local early = group("all"):and_then(second_pool, ECHO, "own")
      local late = finished(group("all")):and_then(second_pool, ECHO, "own")
      for _, f in ipairs { early, late } do
        assert.same({ n = 2, { { n = 2, "a" }, { n = 1, { "b" } } }, "own" },
                    pack(f))
      end
      local any = group("any")
      for _ = 1, 2 do
        local values = pack(any:and_then(second_pool, ECHO, "own"))
        assert.equal("own", values[values.n])
        finished(any)
      end
    end)

    case("passes a failed group's error on, with its traceback",
    function(first_pool, second_pool)
      local bad = first_pool:submit("fixtures.failing:raise", { "bad" })
      local group = tandem.all { bad }
      local early = group:and_then(second_pool, ECHO)
      finished(group)
      local late = group:and_then(second_pool, ECHO)
      local _, expected = bad:error()
      assert.equal("string", type(expected))
      for _, f in ipairs { early, late } do
        finished(f)
        local err, traceback = f:error()
        assert.same({ "bad" }, err)
        assert.equal(expected, traceback)
      end
    end)

    case("calls back, in order, also for what callbacks make",
    function(first_pool, second_pool)
      local said = {}
      local function say(text)
        return function(f) said[#said + 1] = text .. f:result() end
      end
      local last
      local g = first_pool:submit(ECHO, 1):and_then(second_pool, ECHO)
      g:on_done(say "first "):on_done(function(f)
        last = f:and_then(first_pool, "fixtures.basic:add", 1)
        last:on_done(say "inner ")
      end):on_done(say "second ")
      assert.equal(1, g:result(check.BOUND))
      assert.equal(2, last:result(check.BOUND))
      tandem.poll(0)
      assert.equal("first 1", said[1])
      -- What is done when it is added to is called at once.
      table.sort(said)
      assert.same({ "first 1", "inner 2", "second 1" }, said)
    end)

    case("bears callbacks that raise, submit, wait, or shut down",
    function(first_pool, second_pool)
      local reports, waited = 0, nil
      tandem.on_callback_error = function() reports = reports + 1 end
      local f = first_pool:submit(ECHO, 1)
      local g = f:and_then(second_pool, ECHO)
      local h = g:and_then(first_pool, ECHO)
      f:on_done(function() error("oops") end)
      f:on_done(function()
        waited = h:result(check.BOUND)
          + first_pool:submit(ECHO, 5):result(check.BOUND)
      end)
      h:on_done(function() second_pool:shutdown() end)
      finished(h)
      finished(f)
      tandem.poll(0)
      assert.same({ 1, 6 }, { reports, waited })
      check.kind("closed", f.and_then, f, second_pool, ECHO)
    end)

    case("is refused by a closed pool, and leaves the first as it is",
    function(first_pool, second_pool)
      local f = first_pool:submit(ECHO, "kept")
      second_pool:shutdown()
      local err = check.kind("closed", f.and_then, f, second_pool, ECHO)
      assert.equal(ECHO, err.task)
      assert.equal(0, second_pool:stats().submitted)
      assert.equal("kept", f:result(check.BOUND))
      check.kind("closed", f.and_then, f, second_pool, ECHO)
    end)

    case("runs, once accepted, though its pool is shut down",
    function(first_pool, second_pool)
      local path = files.directory() .. "/log"
      for i = 1, 3 do
        first_pool:submit(ECHO, path):and_then(second_pool, NOTE, "ran" .. i)
      end
      second_pool:shutdown()
      assert.equal(3, #files.lines(path))
    end)

    case("fails with the cause of a broken pool", function(first_pool)
      local broken = new_second {
        max_workers = 1, initializer = "fixtures.state:refuse_to_start" }
      local f = first_pool:submit(ECHO)
      local g = f:and_then(broken, ECHO)
      check.kind("init", g.result, g, check.BOUND)
      check.kind("init", f.and_then, f, broken, ECHO)
      broken:shutdown()
      assert.equal(1, broken:stats().failed)
    end)

    case("is taken by a pool whose queue is bounded, and counted once",
    function(first_pool)
      local small = new_second { max_workers = 1, queue_limit = 1,
                                 on_full = "error" }
      for _ = 1, 3 do
        local list = {}
        for i = 1, 5 do
          list[i] = first_pool:submit(ECHO, i):and_then(small, ECHO)
        end
        for i = 1, 5 do assert.equal(i, list[i]:result(check.BOUND)) end
        assert.equal("room", small:submit(ECHO, "room"):result(check.BOUND))
      end
    end)

    case("runs on workers that are replaced all the time",
    function()
      local a, b = new_first { max_workers = 1, max_tasks_per_worker = 1 },
                   new_second { max_workers = 1, max_tasks_per_worker = 2 }
      local f = a:submit(ECHO, 0)
      for i = 1, 12 do
        f = f:and_then(i % 2 == 0 and a or b, "fixtures.basic:add", 1)
      end
      assert.equal(12, f:result(check.BOUND))
    end)

    case("needs nobody to hold the futures", function(first_pool, second_pool)
      local path = files.directory() .. "/log"
      for i = 1, 20 do
        first_pool:submit(ECHO, path):and_then(second_pool, ECHO)
          :and_then(first_pool, NOTE, tostring(i))
        if i % 5 == 0 then collect() end
      end
      second_pool:shutdown()
      first_pool:shutdown()
      assert.equal(20, #files.lines(path))
    end)

    case("leaves nothing where pools and futures are dropped", function()
      for i = 1, 10 do
        local a, b = new_first({ max_workers = 1 }, "loose"),
                     new_second({ max_workers = 1 }, "loose")
        local f = a:submit(ECHO, i)
        f:and_then(b, ECHO):and_then(a, ECHO)
        if i % 2 == 0 then
          tandem.all { f, a:submit(ECHO) }:and_then(b, ECHO)
        end
      end
      collect()
    end)
  end)

  -- What holds where the first task can be pending or running.
  for_each.pair(function(new_first, new_second, first, second)
    -- The first pool's one worker is held.
    local function case(title, fn)
      it(title, function()
        local gate = gates.new()
        local first_pool, second_pool = new_first { max_workers = 1 },
                                        new_second { max_workers = 1 }
        local held = first_pool:submit("fixtures.gate:wait", gate.path, "held")
        gate:wait_started(1)
        fn(first_pool, second_pool, held, gate)
      end)
    end

    case("is pending, and then follows",
    function(first_pool, second_pool, held, gate)
      local pending = first_pool:submit(ECHO, "pending")
      local a = held:and_then(second_pool, ECHO, 1)
      local b = pending:and_then(second_pool, ECHO, 2)
      assert.same({ "pending", "pending" }, { a:status(), b:status() })
      assert.is_false(a:wait(0))
      assert.is_false(a:done())
      check.kind("timeout", a.result, a, 0)
      assert.equal(2, second_pool:stats().pending)
      assert.is_nil(a:info().started)
      gate:open()
      assert.same({ n = 2, "held", 1 }, pack(a))
      assert.same({ n = 2, "pending", 2 }, pack(b))
    end)

    case("takes several, in their order",
    function(first_pool, second_pool, held, gate)
      local path, list = files.directory() .. "/log", {}
      local f = held:and_then(first_pool, function() return end)
      for i = 1, 10 do
        list[i] = f:and_then(second_pool, function(log, text)
          return require("fixtures.basic").note(log, text)
        end, path, "line " .. i)
      end
      gate:open()
      for i = 1, 10 do
        assert.equal("line " .. i, list[i]:result(check.BOUND))
      end
      local lines = {}
      for i = 1, 10 do lines[i] = "line " .. i end
      assert.same(lines, files.lines(path))
    end)

    case("passes cancelling down, from wherever it comes",
    function(first_pool, second_pool, _, gate)
      local a = first_pool:submit("fixtures.gate:pass_by", gate.path)
      local b = a:and_then(second_pool, "fixtures.gate:pass_by", gate.path)
      local c = b:and_then(first_pool, "fixtures.gate:pass_by", gate.path)
      local called = 0
      c:on_done(function() called = called + 1 end)
      assert.is_true(a:cancel())
      for _, f in ipairs { b, c } do
        assert.equal("cancelled", finished(f):status())
        check.kind("cancelled", f.result, f)
      end
      assert.equal("cancelled", a:and_then(second_pool, ECHO):status())
      tandem.poll(0)
      assert.equal(1, called)
      gate:open()
      first_pool:shutdown()
      second_pool:shutdown()
      assert.equal(1, gate:started())
      assert.equal(2, second_pool:stats().cancelled)
      assert.equal(0, second_pool:stats().pending)
    end)

    case("passes cancelling up to what has not started",
    function(first_pool, second_pool, _, gate)
      local a = first_pool:submit("fixtures.gate:pass_by", gate.path)
      local b = a:and_then(second_pool, ECHO)
      local c = b:and_then(first_pool, ECHO)
      assert.is_true(c:cancel())
      for _, f in ipairs { a, b, c } do
        assert.equal("cancelled", f:status())
      end
      gate:open()
      first_pool:shutdown()
      assert.equal(1, gate:started())
    end)

    case("does not cancel what runs, nor what others continue",
    function(first_pool, second_pool, held, gate)
      local a = first_pool:submit(ECHO, "a")
      local b, c = a:and_then(second_pool, ECHO), a:and_then(second_pool, ECHO)
      local d = held:and_then(second_pool, ECHO)
      assert.is_true(b:cancel())
      assert.is_true(b:cancel())
      assert.is_true(d:cancel())
      assert.equal("pending", a:status())
      assert.equal("running", held:status())
      gate:open()
      assert.equal("a", c:result(check.BOUND))
      assert.equal("held", held:result())
    end)

    case("cancels the first with the last of its continuations",
    function(first_pool, second_pool)
      local a = first_pool:submit(ECHO)
      local b, c = a:and_then(second_pool, ECHO), a:and_then(second_pool, ECHO)
      b:cancel()
      c:cancel()
      assert.equal("cancelled", a:status())
    end)

    case("cancels the members of a group that it continues",
    function(first_pool, second_pool)
      local a, b = first_pool:submit(ECHO), first_pool:submit(ECHO)
      local group = tandem.all { a, b }
      assert.is_true(group:and_then(second_pool, ECHO):cancel())
      assert.same({ "cancelled", "cancelled", "cancelled" },
                  { group:status(), a:status(), b:status() })
    end)

    case("interrupts what runs above, when told to",
    function(first_pool, second_pool)
      local loop_gate, loops = gates.new(), new_first(1)
      local a = loops:submit("fixtures.stubborn:loop", loop_gate.path)
      local b = a:and_then(second_pool, ECHO):and_then(first_pool, ECHO)
      loop_gate:wait_started(1)
      assert.is_true(b:cancel("interrupt"))
      assert.equal("cancelled", b:status())
      assert.equal("cancelled", finished(a):status())
    end)

    case("knows of a first that is interrupted or out of time",
    function(_, second_pool)
      local loop_gate, loops = gates.new(), new_first(1)
      local a = loops:submit("fixtures.stubborn:loop", loop_gate.path)
      local b = a:and_then(second_pool, ECHO)
      loop_gate:wait_started(1)
      assert.is_true(a:cancel("interrupt"))
      assert.equal("cancelled", finished(b):status())

      local late = loops:with { timeout = 0.05, name = "late" }
      grace.short()
      for _, name in ipairs { "loop", "in_c" } do
        local c = late:submit("fixtures.stubborn:" .. name, loop_gate.path)
        local d = c:and_then(second_pool, ECHO)
        for _, f in ipairs { d, finished(c):and_then(second_pool, ECHO) } do
          local err = check.kind("timeout", f.result, f, check.BOUND)
          assert.equal("failed", f:status())
          assert.same({ "late", c:error().limit }, { err.task, err.limit })
        end
      end
      assert.equal(1, second_pool:stats().cancelled)
      assert.equal(4, second_pool:stats().failed)
      loop_gate:open()
      check.eventually(function() return loops:stats().lost == 0 end,
                       "the thread in C comes back")
    end)

    case("is killed with a running worker process",
    function(_, second_pool, held)
      local b = held:and_then(second_pool, ECHO)
      if second == "process" then
        assert.is_true(b:cancel("kill"))
        assert.equal("cancelled", b:status())
        assert.equal(first == "process" and "cancelled" or "running",
                     held:status())
      else
        check.misuse_of("cannot be killed", b, "cancel", "kill")
      end
      if first == "process" then
        local c = held:and_then(second_pool, ECHO)
        held:cancel("kill")
        assert.equal("cancelled", finished(c):status())
        assert.equal("cancelled", held:and_then(second_pool, ECHO):status())
      end
    end)

    case("is cancelled with all that is pending of its pool",
    function(first_pool, second_pool, held, gate)
      local other = first_pool:submit(ECHO, "other")
      local list = {}
      for i = 1, 3 do
        list[i] = held:and_then(second_pool, ECHO)
        list[i + 3] = list[i]:and_then(second_pool, ECHO)
        list[i + 6] = list[i]:and_then(first_pool, ECHO)
      end
      assert.equal(6, second_pool:cancel_pending())
      assert.equal(0, second_pool:cancel_pending())
      for i = 1, 9 do
        assert.equal("cancelled", finished(list[i]):status())
      end
      gate:open()
      assert.equal("other", other:result(check.BOUND))
      assert.equal("again", held:and_then(second_pool, function(text)
        return text == "held" and "again"
      end):result(check.BOUND))
    end)

    case("ends in one outcome, whenever it is cancelled",
    function(first_pool, second_pool, _, gate)
      gate:open()
      local seen = { done = 0, cancelled = 0 }
      local modes = { "pending", "interrupt" }
      for i = 1, scale.down(300) do
        local a = first_pool:submit(ECHO, i)
        local b = a:and_then(second_pool, ECHO)
        local c = b:and_then(first_pool, ECHO)
        for _ = 1, i % 30 * 100 do end
        local promised = b:cancel(modes[i % 2 + 1])
        finished(a)
        local status = finished(b):status()
        assert.equal(status, finished(c):status())
        seen[status] = seen[status] + 1
        assert.equal(promised, status == "cancelled")
      end
      second_pool:shutdown()
      local stats = second_pool:stats()
      assert.same({ seen.done, seen.cancelled, 0 },
                  { stats.done, stats.cancelled, stats.pending })
    end)

    case("is waited for by a shutdown",
    function(_, second_pool, held, gate)
      local f = held:and_then(second_pool, ECHO)
      local done, unfinished = second_pool:shutdown { wait = false }
      assert.is_false(done)
      assert.same({ f }, unfinished)
      check.kind("closed", held.and_then, held, second_pool, ECHO)
      gate:open()
      assert.is_true(second_pool:shutdown())
      assert.equal("done", f:status())
    end)

    case("is cancelled by a shutdown that cancels",
    function(_, second_pool, held, gate)
      local f = held:and_then(second_pool, ECHO)
      assert.is_true(second_pool:shutdown { cancel_pending = true })
      assert.equal("cancelled", f:status())
      gate:open()
      assert.equal("held", held:result(check.BOUND))
    end)

    case("is waited for, or cancelled, by leaving a scope",
    function(_, _, held, gate)
      local f, g
      pcall(function()
        local pool <close> = new_second({ max_workers = 1 }, "loose")
        f = held:and_then(pool, ECHO)
        error("left")
      end)
      assert.equal("cancelled", f:status())
      do
        local pool <close> = new_second({ max_workers = 1 }, "loose")
        g = held:and_then(pool, ECHO)
        gate:open()
      end
      assert.equal("done", g:status())
    end)

    case("keeps its pool, where that is collected", function(_, _, held, gate)
      local f = held:and_then(new_second({ max_workers = 1 }, "loose"), ECHO)
      collect()
      assert.equal("pending", f:status())
      gate:open()
      assert.equal("held", f:result(check.BOUND))
    end)

    case("is cancelled, where it is collected with its pool",
    function(_, _, held, gate)
      local path = files.directory() .. "/log"
      held:and_then(new_second({ max_workers = 1 }, "loose"), NOTE, path)
      tandem.all { held }
        :and_then(new_second({ max_workers = 1 }, "loose"), NOTE, path)
      collect()
      gate:open()
      finished(held)
      assert.equal("", files.read(path))
    end)

    case("heeds a view's priority",
    function(first_pool, second_pool, held, gate)
      if second == "serial" then return end
      local path, second_gate = files.directory() .. "/log", gates.new()
      second_pool:submit("fixtures.gate:wait", second_gate.path)
      second_gate:wait_started(1)
      local f = held:and_then(first_pool, function() end)
      for i = 1, 4 do
        f:and_then(second_pool:with { priority = i }, NOTE, path, "line" .. i)
      end
      gate:open()
      finished(f) -- by now all are in the second pool's queue
      second_gate:open()
      second_pool:shutdown()
      assert.same({ "line4", "line3", "line2", "line1" }, files.lines(path))
    end)

    case("heeds a view's name and timeout",
    function(_, second_pool, held, gate)
      local named = held:and_then(second_pool:with { name = "named" }, ECHO)
      assert.equal("named", named:info().task)
      assert.truthy(tostring(named):find("named pending", 1, true))
      gate:open()
      assert.equal("named", finished(named):info().task)
      if second == "serial" then
        check.kind("limit", held.and_then, held,
                   second_pool:with { timeout = 1 }, ECHO)
        return
      end
      local loop = held:and_then(second_pool:with { timeout = 0.05 },
                                 "fixtures.basic:loop_forever")
      check.kind("timeout", loop.result, loop, check.BOUND)
    end)

    case("hands results on while the submitting state does other things",
    function(first_pool, second_pool, held, gate)
      local path = files.directory() .. "/log"
      local pending = first_pool:submit(ECHO, path)
      local f = pending:and_then(second_pool, ECHO)
        :and_then(first_pool, ECHO):and_then(second_pool, NOTE, "written")
      local g = held:and_then(second_pool, ECHO)
      if second == "serial" then
        gate:open()
        assert.equal("written", f:result(check.BOUND))
        return
      end
      gate:open()
      spin_until_written(path)
      assert.equal("written", f:result(check.BOUND))
      assert.equal("held", g:result(check.BOUND))
    end)
  end, { concurrent = true })

  for_each.pool(function(new_pool, kind)
    it("makes long chains",
    function()
      local pool = new_pool(2)
      local n = scale.down(kind == "process" and 5000 or 100000)
      local f = pool:submit(ECHO, 0)
      for _ = 1, n do f = f:and_then("fixtures.basic:add", 1) end
      assert.equal(n, f:result(3 * check.BOUND))
      f = pool:submit("fixtures.failing:raise", "first")
      for _ = 1, n do f = f:and_then(ECHO) end
      assert.equal("first", check.raises(f.result, f, 3 * check.BOUND))
      assert.equal(n, pool:stats().failed - 1)
    end)

    it("lets go of what is before, once that is settled", function()
      local pool, alive = new_pool(1), setmetatable({}, { __mode = "k" })
      local f = pool:submit(ECHO, 0)
      for _ = 1, 100 do
        f = finished(f):and_then("fixtures.basic:add", 1)
        alive[f] = true
      end
      finished(f)
      collect()
      local n = 0
      for _ in pairs(alive) do n = n + 1 end
      assert.equal(1, n)
    end)

    it("says what is wrong with its arguments", function()
      local pool = new_pool(1)
      local f = pool:submit(ECHO, "kept")
      check.misuse_of("bad argument #1 to 'and_then'", f, "and_then")
      check.misuse_of("bad argument #1 to 'and_then'", f, "and_then", nil, pool)
      check.misuse_of("bad argument #1 to 'and_then'", f, "and_then", "a:b:c")
      check.misuse_of("bad argument #1 to 'and_then'", f, "and_then", 42)
      check.misuse_of("bad argument #2 to 'and_then'", f, "and_then", pool)
      check.misuse_of("bad argument #2 to 'and_then'", f, "and_then", pool, {})
      check.misuse_of("bad argument #2 to 'and_then'", f, "and_then",
                      pool:with { priority = 1 }, ":x")
      check.misuse_of("upvalue 'f'", f, "and_then", function() return f end)
      check.misuse("bad self of 'and_then'", f.and_then, pool, ECHO)
      check.misuse("bad self of 'and_then'", f.and_then, nil, ECHO)
      local err = check.kind("encode", f.and_then, f, ECHO, 1, { x = print })
      assert.truthy(err.message:find("argument #2.x", 1, true), err.message)
      local group = tandem.all { f }
      check.misuse_of("no pool", group, "and_then", ECHO)
      assert.equal(1, pool:stats().submitted)
      assert.equal("kept", f:result(check.BOUND))
    end)

    it("refuses results that were made unfit since", function()
      local pool = new_pool(1)
      local f = pool:submit(ECHO, { list = {} })
      f:result(check.BOUND).list[1] = print
      local err = check.kind("encode", f.and_then, f, ECHO)
      assert.truthy(err.message:find("list[1]", 1, true), err.message)
      f:result().list[1] = "fit"
      assert.same({ list = { "fit" } }, f:and_then(ECHO):result(check.BOUND))
    end)

    it("fails for a group whose results were made unfit", function()
      local pool, gate = new_pool(1), gates.new()
      if kind == "serial" then gate:open() end
      local f = pool:submit("fixtures.gate:wait", gate.path, {})
      f:on_done(function() f:result()[1] = print end)
      local group = tandem.all { f }
      if kind == "serial" then -- it is settled already
        check.kind("encode", group.and_then, group, pool, ECHO)
        return
      end
      local g = group:and_then(pool, ECHO)
      gate:open()
      check.kind("encode", g.result, g, check.BOUND)
    end)

    it("passes a group's failure on from within callbacks", function()
      local pool = new_pool(1)
      local a, b = tandem.all { pool:submit("fixtures.failing:raise", "a") },
                   tandem.all { pool:submit("fixtures.failing:raise", "b") }
      local seen = {}
      local function continue(f)
        return function()
          local err = finished(f:and_then(pool, ECHO)):error()
          seen[#seen + 1] = err
        end
      end
      a:on_done(continue(b))
      b:on_done(continue(a))
      finished(a)
      finished(b)
      table.sort(seen)
      assert.same({ "a", "b" }, seen)
    end)
  end)

  for_each.pair(function(new_first, new_second)
    it("knows of a first whose worker died", function()
      local a, b = new_first(1), new_second(1)
      local f = a:submit("fixtures.crash:run", "SIGKILL")
      local early = f:and_then(b, ECHO):and_then(b, ECHO)
      for _, g in ipairs { early, finished(f):and_then(b, ECHO) } do
        local err = check.kind("crashed", g.result, g, check.BOUND)
        assert.equal("fixtures.crash:run", err.task)
        assert.equal(f:error().pid, err.pid)
      end
      assert.equal("fine", a:submit(ECHO, "fine"):and_then(b, ECHO)
                   :result(check.BOUND))
    end)
  end, { kind = "process" })

  for_each.pool(function(new_pool)
    it("crashes alone, and is run again with the same arguments", function()
      local pool = new_pool(1)
      local f = pool:submit(ECHO, 1)
      local g = f:and_then("fixtures.crash:at_first", "SIGKILL")
      check.kind("crashed", g.result, g, check.BOUND)
      local again = f:and_then(pool:with { retries = 1 },
                               "fixtures.crash:at_first", "SIGKILL")
      assert.equal(2, again:result(check.BOUND))
      assert.equal(1, f:result())
    end)

    it("raises where there is no worker program", function()
      local path = files.write(files.directory() .. "/worker", "")
      os.execute("chmod +x " .. files.quote(path))
      local pool = new_pool { max_workers = 1, worker_path = path }
      os.remove(path)
      local f = new_pool(1):submit(ECHO, "kept")
      check.kind("limit", f.and_then, f, pool, ECHO)
      assert.equal("kept", f:result(check.BOUND))
      assert.equal(0, pool:stats().submitted)
      assert.is_number(low.getpid())
    end)
  end, { kind = "process" })

  it("does not hold up a state that ends", function()
    for _, pools in ipairs { "thread_pool(1)", "process_pool(1)",
                             "serial_pool()" } do
      local code, out, err = run_script(([[
        local tandem = require "tandem"
        local a, b = tandem.thread_pool(1), tandem.%s
        local f = a:submit("fixtures.inside:sleep", 0.2)
        held = f:and_then(b, "fixtures.basic:echo"):and_then(a, "_G:type")
        group = tandem.all { f, held }:and_then(b, "fixtures.basic:echo")
        print("end")
      ]]):format(pools))
      assert.same({ 0, "end\n", "" }, { code, out, err })
    end
  end)

  it("in a forked child is refused for what the parent still runs", function()
    local directory = files.directory()
    assert(os.execute("mkfifo " .. directory .. "/gate"))
    local code, out, err = run_script([[
      local tandem = require "tandem"
      local low = require "fixtures.low"
      local pool, gate = tandem.thread_pool(1), os.getenv("SPEC_GATE")
      local f = pool:submit("fixtures.basic:echo", 0)
      local done = pool:submit("fixtures.basic:echo", 1)
      done:result()
      local running = pool:submit("fixtures.gate:wait", gate, 2)
      local chained = running:and_then("fixtures.basic:echo")
      io.stdout:flush()
      local pid = low.fork()
      if pid == 0 then
        local own = tandem.thread_pool(1)
        local ok, err = pcall(running.and_then, running, own, "_G:type")
        print(ok, tandem.is_error(err, "closed"))
        print(done:and_then(own, "fixtures.basic:add", 1):result())
        print(chained:cancel())
        io.stdout:flush()
        os.exit(0, true)
      end
      low.wait(pid)
      local opened <close> = io.open(gate, "r+")
      print(chained:result() > 0)
    ]], { env = { SPEC_GATE = directory .. "/gate" } })
    files.remove_all()
    assert.same({ 0, "" }, { code, err })
    assert.equal("false\ttrue\n2\n", out:match("^[^\n]*\n[^\n]*\n"))
    assert.truthy(out:find("true\n$"), out)
  end)
end)
