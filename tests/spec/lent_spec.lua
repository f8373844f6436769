--- Tasks that a task has submitted, and that other workers run.
local check = require "spec.support.check"
local files = require "spec.support.files"
local for_each_pool = require "spec.support.pools"
local gates = require "spec.support.gate"
local grace = require "spec.support.grace"
local rest = require "spec.support.rest"
local scale = require "spec.support.scale"

-- On both sides of what fits into a slot, an errand, a small block, a segment.
local SIZES = { 0, 1, 100, 119, 120, 121, 300, 1000, 40000, 70000, 1 << 20 }

describe("tasks that other workers run for a task", function()
  for_each_pool(function(new_pool, kind)
    local is_process = kind == "process"

    -- A pool, and gates for the task that submits and for those that it lends.
    local function open(workers, options)
      options = options or {}
      options.max_workers = workers
      return { pool = new_pool(options), own = gates.new(),
               others = gates.new() }
    end

    -- What becomes of calls that have all begun before their submitter goes
    -- on, by `fixtures.lent:<how>`.
    local function lend(s, how, calls, ...)
      local future = s.pool:submit("fixtures.lent:" .. how, s.own.path, calls,
                                   ...)
      s.others:wait_started(#calls)
      s.own:open()
      return future:result(check.BOUND)
    end

    local function calls_of(s, name, list)
      local calls = {}
      for i, value in ipairs(list) do
        calls[i] = { name, s.others.path, value }
      end
      return calls
    end

    it("begin while it does something else", function()
      local s = open(4)
      local outcomes, worker = lend(s, "collect",
        calls_of(s, "fixtures.gate:pass_by", { "a", "b", "c" }))
      for i, value in ipairs { "a", "b", "c" } do
        assert.same({ true, value }, { outcomes[i][1], outcomes[i][2] })
        assert.equal("done", outcomes[i].status)
        assert.not_equal(worker, outcomes[i].worker)
        assert.is_true(outcomes[i].took >= 0)
      end
      rest.await(s.pool)
    end)

    it("run beside the one that it waits for", function()
      local s = open(2)
      local future = s.pool:submit(function(path)
        local pool = require("tandem").pool()
        local first = pool:submit("fixtures.gate:wait", path, 1)
        return pool:call("fixtures.gate:wait", path, 2) + first:result()
      end, s.others.path)
      s.others:wait_started(2)
      s.others:open()
      assert.equal(3, future:result(check.BOUND))
    end)

    it("bring whatever is sent to them and back", function()
      local s = open(2)
      local values = {}
      for i, size in ipairs(SIZES) do values[i] = ("x"):rep(size) .. i end
      values[#values + 1] = { a = { 1, 2.5, true }, [2] = "b" }
      local outcomes = lend(s, "collect",
                            calls_of(s, "fixtures.gate:pass_by", values))
      for i, value in ipairs(values) do assert.same(value, outcomes[i][2]) end
    end)

    it("tell of their errors", function()
      local s = open(2)
      local outcomes = lend(s, "collect", calls_of(s, "fixtures.gate:fail_by",
                                                { "oops", { code = 7 } }))
      assert.same({ false, "oops" }, { outcomes[1][1], outcomes[1][2] })
      assert.is_false(outcomes[2][1])
      assert.equal("failed", outcomes[2].status)
    end)

    it("are stopped for want of time", function()
      grace.short()
      local s = open(3)
      local calls = { { "fixtures.gate:sleep", s.others.path, 600 },
                      { "fixtures.gate:wait", s.others.path } }
      if scale.defers_signals then calls[2] = nil end
      local outcomes = lend(s, "collect", calls, { timeout = 0.05 })
      for i in ipairs(calls) do assert.equal("timeout", outcomes[i].kind) end
      s.others:open()
      rest.await(s.pool)
    end)

    it("are told to end by it", function()
      grace.short()
      local s = open(3)
      local outcomes = lend(s, "stop", {
        { "fixtures.gate:sleep", s.others.path, 600 },
        { "fixtures.gate:wait", s.others.path },
      }, "interrupt")
      for i = 1, 2 do
        assert.equal("cancelled", outcomes[i].kind)
        assert.equal("cancelled", outcomes[i].status)
        assert.is_true(outcomes[i].stopped)
      end
      s.others:open()
      assert.equal(3, s.pool:submit("fixtures.basic:add", 1, 2)
                          :result(check.BOUND))
      rest.await(s.pool)
    end)

    it("say how far they are", function()
      local s = open(2)
      local future = s.pool:submit("fixtures.lent:ask", s.own.path,
        { "fixtures.progress:say_around", s.others.path, { 1, 2, "half" },
          { 2, 2, "all" } })
      s.others:wait_started(1)
      s.own:open()
      assert.same({ 1, 2, "half" }, { future:result(check.BOUND) })
      s.others:open()
      s.own = gates.new()
      local outcomes = lend(s, "collect", {
        { "fixtures.progress:say_around", s.others.path, { 1, 2 },
          { 2, 2, "x" } },
      })
      assert.same({ 2, 2, "x" }, outcomes[1].progress)
      rest.await(s.pool)
    end)

    it("go on in a worker", function()
      local s = open(2)
      local future = s.pool:submit("fixtures.lent:continue", s.own.path,
        { "fixtures.gate:pass_by", s.others.path, 20 },
        { "fixtures.basic:add", 3 })
      s.others:wait_started(1)
      s.own:open()
      assert.equal(23, future:result(check.BOUND))
    end)

    it("are left behind, and run all the same", function()
      local s = open(3, { max_tasks_per_worker = 1 })
      local log = files.directory() .. "/log"
      local calls = {}
      for i = 1, 8 do calls[i] = { "fixtures.basic:note", log, tostring(i) } end
      local future = s.pool:submit("fixtures.lent:leave", s.own.path, calls)
      check.eventually(function() return #files.lines(log) == 8 end,
                       "all of them")
      s.own:open()
      future:result(check.BOUND)
      rest.await(s.pool)
    end)

    it("lend in turn", function()
      local s = open(4)
      local depth = scale.slow and 3 or 6
      local future = s.pool:submit("fixtures.lent:tree", depth, s.others.path)
      assert.equal(2 ^ (depth + 1) - 1, future:result(check.BOUND))
      assert.equal(2 ^ (depth + 1) - 1, s.others:started())
      rest.await(s.pool)
    end)

    it("are lent by many at once, and get lost nowhere", function()
      for _, workers in ipairs { 1, 2, 5 } do
        local s = open(workers)
        local futures, text = {}, ("y"):rep(3000)
        for i = 1, 6 do
          futures[i] = s.pool:submit("fixtures.lent:many", 12,
                                     i % 2 == 0 and text or "z")
        end
        for i, future in ipairs(futures) do
          for j, outcome in ipairs(future:result(check.BOUND)) do
            assert.equal((i % 2 == 0 and text or "z") .. j, outcome[2])
          end
        end
        rest.await(s.pool)
      end
    end)

    it("are cancelled with all that is pending, or run", function()
      local s = open(2)
      for _ = 1, 10 do
        local future = s.pool:submit("fixtures.lent:many", 12, "x")
        local n = s.pool:cancel_pending()
        assert.is_true(n >= 0)
        if future:status() == "cancelled" then n = n - 1 end
        if future:wait(check.BOUND) and future:status() == "done" then
          local cancelled = 0
          for i, outcome in ipairs(future:result()) do
            if outcome.kind == "cancelled" then
              cancelled = cancelled + 1
            else
              assert.equal("x" .. i, outcome[2])
            end
          end
          assert.equal(n, cancelled)
        end
      end
      rest.await(s.pool)
    end)

    it("come to an end with the pool", function()
      for _, how in ipairs { {}, { cancel_pending = true }, { kill = true } } do
        local s = open(3, { exit_timeout = 0.5 })
        local future = s.pool:submit("fixtures.lent:leave", s.own.path,
          calls_of(s, "fixtures.gate:sleep", how.kill and { 600, 600 }
                                          or { 0.01, 0.01 }))
        s.others:wait_started(2)
        s.own:open()
        how.timeout = check.BOUND
        assert.is_true(s.pool:shutdown(how))
        assert.is_true(future:done())
      end
    end)

    it("stay where their worker is, if it is the last", function()
      local s = open(3)
      local future = s.pool:submit("fixtures.lent:leave", s.own.path,
        calls_of(s, "fixtures.gate:wait", { 1, 2 }))
      s.others:wait_started(2)
      s.pool:resize(1)
      s.own:open()
      s.others:open()
      future:result(check.BOUND)
      assert.equal(21, s.pool:submit("fixtures.nested:fib", 8)
                           :result(check.BOUND))
      rest.await(s.pool)
    end)

    if not is_process then return end

    it("fail if their process dies, and that one alone", function()
      local s = open(3)
      local calls = {}
      for i, deed in ipairs { "SIGKILL", "os.exit(3)" } do
        calls[i] = { "fixtures.lent:crash", s.others.path, deed }
      end
      calls[3] = { "fixtures.gate:pass_by", s.others.path, "fine" }
      local outcomes = lend(s, "collect", calls)
      assert.equal("crashed", outcomes[1].kind)
      assert.equal("crashed", outcomes[2].kind)
      assert.matches("SIGKILL", outcomes[1][2])
      assert.equal("fine", outcomes[3][2])
      rest.await(s.pool)
    end)

    it("are run again where they may", function()
      local s = open(2)
      local future = s.pool:submit("fixtures.lent:collect", s.own.path,
        { { "fixtures.lent:crash_before", s.others.path, 3 } }, { retries = 2 })
      s.others:wait_started(3)
      s.own:open()
      local outcomes = future:result(check.BOUND)
      assert.same({ true, 3 }, { outcomes[1][1], outcomes[1][2] })
      assert.equal(3, outcomes[1].attempt)
    end)

    it("are run by it if nobody else is left to run them again", function()
      local s = open(2)
      local future = s.pool:submit("fixtures.lent:collect", s.own.path,
        { { "fixtures.lent:crash_behind", s.others.path } }, { retries = 1 })
      s.others:wait_started(1)
      s.pool:resize(1)
      s.others:open()
      s.own:open()
      local outcomes = future:result(check.BOUND)
      assert.same({ true, 2 }, { outcomes[1][1], outcomes[1][2] })
      assert.equal(2, outcomes[1].attempt)
      rest.await(s.pool)
    end)

    it("are counted where they were told to end before they began", function()
      local s = open(2)
      local stats = s.pool:submit("fixtures.lent:stop_soon", 20)
                          :result(check.BOUND)
      rest.assert_adds_up(stats)
      assert.same({ 21, 1, 20 },
                  { stats.submitted, stats.running, stats.cancelled })
    end)

    it("are counted while it counts its own", function()
      local s, n = open(2), scale.slow and 1000 or 30000
      local stats = s.pool:submit("fixtures.lent:fail_many", s.others.path, n)
                          :result(check.BOUND)
      rest.assert_adds_up(stats)
      assert.same({ n + 1, 1 }, { stats.failed, stats.running })
    end)

    it("end, for nobody, when their owner dies", function()
      local s = open(3)
      local future = s.pool:submit("fixtures.lent:leave", s.own.path,
        calls_of(s, "fixtures.gate:wait", { 1, 2 }))
      s.others:wait_started(2)
      assert.is_true(future:cancel("kill"))
      s.others:open()
      rest.await(s.pool)
      assert.equal(21, s.pool:submit("fixtures.nested:fib", 8)
                           :result(check.BOUND))
    end)
  end, { concurrent = true })
end)
