--- Everything that can happen to a worker, at every place where it can.
local check = require "spec.support.check"
local files = require "spec.support.files"
local for_each_pool = require "spec.support.pools"
local gates = require "spec.support.gate"
local processes = require "spec.support.processes"
local scale = require "spec.support.scale"

local low = require "spec.support.low"

local crash = require "fixtures.crash"

-- Room enough for a large result.
local LIMIT = 32 << 20

-- How each deed that ends its worker is told.
local ENDS = {
  ["os.exit(3)"] = { code = 3, hint = "os.exit" },
  ["SIGKILL"] = { signal = "SIGKILL", hint = "memory" },
  ["SIGSEGV"] = { signal = "SIGSEGV", hint = "C code" },
}

-- What does not end by itself, and how to see that it has begun.
local ENDLESS = {
  ["SIGSTOP"] = function(case)
    return processes.look(case.pid).state == "T"
  end,
  ["endless output"] = function(case)
    return case.gate:started() == 1
  end,
}

-- The places, each by the task that is done there, and what is made there of
-- the errors that a deed raises.
local PLACES = {
  ["while its module is loaded"] = {
    task = "bad_module", error = "load", error_nil = "load",
  },
  ["while it runs"] = {
    task = "fixtures.crash:run", error = "on purpose", error_nil = "task",
  },
  ["while its result is encoded"] = {
    task = "fixtures.crash:encode", error = "encode", error_nil = "encode",
  },
  ["while its large result is written"] = {
    task = "fixtures.crash:answer", error = "encode", error_nil = "encode",
  },
}

local function assert_one_line(err, ...)
  local text = tostring(err)
  assert.is_nil(text:find("[%c\x80-\xff]"), text)
  assert.is_true(#text < 400, text)
  for _, word in ipairs { ... } do assert.matches(word, text, 1, true) end
end

local function assert_crashed(ends, err, task, pid)
  assert.equal("crashed", err.kind, tostring(err))
  assert.equal(ends.signal, err.signal)
  assert.equal(ends.code, err.code)
  assert.equal(pid, err.pid)
  assert.equal(task, err.task)
  assert.equal(1, err.worker)
  assert.equal("float", math.type(err.ran))
  assert.is_true(err.ran >= 0 and err.ran < check.BOUND)
  assert.matches(ends.hint, err.hint, 1, true)
  assert_one_line(err, tostring(pid), task, ends.signal or "code 3")
end

describe("a worker process", function()
  for_each_pool(function(new_pool)
    -- The culprit stands behind a task that is done, before five others.
    local function new_case(place, deed)
      local directory = files.directory()
      local pool = new_pool {
        max_workers = 1, memory_limit = LIMIT,
        path = directory .. "/?.lua;" .. package.path,
      }
      local gate, first = gates.new(), gates.new()
      local before = pool:submit("fixtures.gate:wait", first.path, "before")
      first:wait_started(1)
      local case = { pool = pool, gate = gate, innocents = {} }
      case.pid = pool:workers()[1].pid
      case.task = place.task
      files.write(directory .. "/bad_module.lua",
                  crash.module(deed, gate.path))
      case.culprit = pool:submit(case.task, deed, gate.path)
      for i = 1, 5 do
        case.innocents[i] = pool:submit("fixtures.crash:innocent", i)
      end
      first:open()
      assert.equal("before", before:result(check.BOUND))
      return case
    end

    local function assert_innocents(case, is_new)
      for i, f in ipairs(case.innocents) do
        local pid, value = f:result(check.BOUND)
        assert.equal(i, value)
        assert.equal(is_new, pid ~= case.pid)
      end
      local stats = case.pool:stats()
      assert.equal(is_new and 1 or 0, stats.restarts)
      assert.equal(6, stats.done)
      assert.equal(1, stats.failed + stats.cancelled)
      assert.equal("on", case.pool:call("fixtures.basic:echo", "on"))
    end

    for where, place in pairs(PLACES) do
      for deed, ends in pairs(ENDS) do
        it(("may be lost by %s %s"):format(deed, where), function()
          local case = new_case(place, deed)
          local err = case.culprit:error(check.BOUND)
          assert_crashed(ends, err, case.task, case.pid)
          assert.equal("failed", case.culprit:status())
          assert_innocents(case, true)
          assert.is_false(processes.is_alive(case.pid))
        end)
      end

      for deed, has_begun in pairs(ENDLESS) do
        it(("may be killed for %s %s"):format(deed, where), function()
          local case = new_case(place, deed)
          check.eventually(function() return has_begun(case) end,
                           deed)
          assert.equal("running", case.culprit:status())
          assert.is_true(case.culprit:cancel("kill"))
          assert.equal("cancelled", case.culprit:status())
          check.kind("cancelled", case.culprit.result, case.culprit)
          assert_innocents(case, true)
        end)
      end

      it("lives on after an error " .. where, function()
        local case = new_case(place, "error")
        local err = case.culprit:error(check.BOUND)
        if place.error == "on purpose" then
          assert.equal("on purpose", err)
        else
          assert.equal(place.error, err.kind)
          assert.matches("on purpose", tostring(err), 1, true)
        end
        assert_innocents(case, false)
      end)

      it("lives on after error(nil) " .. where, function()
        local case = new_case(place, "error(nil)")
        local err = check.kind(place.error_nil, case.culprit.result,
                               case.culprit, check.BOUND)
        assert.equal(case.task, err.task)
        assert_innocents(case, false)
      end)

      it("lives on when it is out of memory " .. where, function()
        local case = new_case(place, "out of memory")
        local err = check.kind("memory", case.culprit.result, case.culprit,
                               check.BOUND)
        assert.equal(case.task, err.task)
        assert_innocents(case, false)
      end)
    end

    it("may be killed while it decodes its arguments", function()
      local list = {}
      for i = 1, scale.down(1 << 16) do list[i] = { i } end
      check.eventually(function()
        local pool = new_pool(1)
        local pid = pool:call("fixtures.low:getpid")
        local culprit = pool:submit("fixtures.basic:count", list,
                                    ("x"):rep(64 << 20))
        local innocent = pool:submit("fixtures.crash:innocent")
        check.eventually(function() return culprit:status() ~= "pending" end,
                         "a task that runs")
        low.kill(pid, "KILL")
        local err = culprit:error(check.BOUND)
        if culprit:status() == "done" then return false end -- too late
        assert_crashed(ENDS.SIGKILL, err, "fixtures.basic:count", pid)
        assert.is_not.equal(pid, innocent:result(check.BOUND))
        return true
      end, "a death that comes in time")
    end)

    it("may be lost while it writes a result of 64 MiB", function()
      local pool = new_pool(1)
      local pid = pool:call("fixtures.low:getpid")
      local f = pool:submit("fixtures.crash:answer", "SIGKILL", nil, 64)
      assert_crashed(ENDS.SIGKILL, f:error(check.BOUND),
                     "fixtures.crash:answer", pid)
      assert.is_not.equal(pid, pool:call("fixtures.low:getpid"))
    end)
  end, { kind = "process" })
end)
