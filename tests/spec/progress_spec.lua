--- What a task says of its progress, and who hears of it.
local check = require "spec.support.check"
local for_each_pool = require "spec.support.pools"
local gates = require "spec.support.gate"
local tandem = require "tandem"

local function said(future)
  return table.pack(future:progress())
end

describe("progress", function()
  for_each_pool(function(new_pool)
    it("is nil where the task says nothing", function()
      local pool = new_pool(1)
      local f = pool:submit("fixtures.progress:nothing")
      assert.is_nil(f:progress())
      f:result()
      assert.same({ n = 1 }, said(f))
    end)

    it("is what was said last, once the task is done", function()
      local pool = new_pool(1)
      for _, words in ipairs {
        { 1, 10, "first" }, { 0 }, { -3, nil, "no total" }, { 1.5, 2.25 },
        { math.maxinteger, math.mininteger }, { 0.0, 1e308, "" },
      } do
        local f = pool:submit("fixtures.progress:say", words[1], words[2],
                              words[3])
        f:result()
        local done, total, note = f:progress()
        assert.equal(words[1], done)
        assert.equal(math.type(words[1]), math.type(done))
        assert.equal(words[2], total)
        assert.equal(words[3] ~= "" and words[3] or nil, note)
      end
    end)

    it("keeps NaN, and the first 39 bytes of a note", function()
      local pool = new_pool(1)
      local f = pool:submit("fixtures.progress:say", 0 / 0, 1,
                            ("x"):rep(38) .. "yz")
      f:result()
      local done, _, note = f:progress()
      assert.is_true(done ~= done)
      assert.equal(("x"):rep(38) .. "y", note)
    end)

    it("remains when the task fails", function()
      local f = new_pool(1):submit("fixtures.progress:say_and_fail", 7)
      assert.equal("oops", f:error())
      assert.equal(7, f:progress())
    end)

    it("belongs to one task, and not to the next one of its worker", function()
      local pool = new_pool(1)
      local f = pool:submit("fixtures.progress:say", 1, 2, "mine")
      local g = pool:submit("fixtures.progress:nothing")
      local h = pool:submit("fixtures.progress:say", 3)
      tandem.wait { f, g, h }
      assert.same({ 1, 2, "mine", n = 3 }, said(f))
      assert.is_nil(g:progress())
      assert.same({ 3, nil, nil, n = 3 }, said(h))
    end)

    it("is each task's own, of thousands", function()
      local pool, futures = new_pool(2), {}
      for i = 1, 3000 do
        futures[i] = pool:submit("fixtures.progress:say", i, 3000)
      end
      tandem.wait(futures)
      for i, f in ipairs(futures) do assert.equal(i, (f:progress())) end
    end)

    it("of a nested task is its own", function()
      local f = new_pool(1):submit("fixtures.progress:nested", 5, 6)
      assert.equal(6, f:result())
      assert.equal(5, (f:progress()))
    end)

    it("refuses what is no number, and a note that is no string", function()
      local pool = new_pool(1)
      for _, words in ipairs { { "1" }, { {} }, { 1, "2" }, { 1, 2, 3 } } do
        local f = pool:submit(function(done, total, note)
          require "tandem".progress(done, total, note)
        end, words[1], words[2], words[3])
        assert.matches("bad argument #%d to 'progress'", (f:error()))
      end
    end)
  end)

  for_each_pool(function(new_pool)
    it("is seen while the task runs", function()
      local gate, pool = gates.new(), new_pool(2)
      local f = pool:submit("fixtures.progress:say_around", gate.path,
                            { 1, 4, "begun" }, { 4, 4 })
      gate:wait_started(1)
      assert.same({ 1, 4, "begun", n = 3 }, said(f))
      gate:open()
      f:result()
      assert.same({ 4, 4, "begun", n = 3 }, said(f))
    end)

    it("is whole whenever it is read", function()
      local gate, pool = gates.new(), new_pool(1)
      local f = pool:submit("fixtures.progress:babble", gate.path, 200000)
      local reads = 0
      repeat
        local done, total, note = f:progress()
        if done then
          reads = reads + 1
          assert.equal(-done, total)
          assert.equal(tostring(done), note)
        end
      until gate:started() == 1
      gate:open()
      assert.equal(200000, f:result())
      assert.is_true(reads > 0)
    end)
  end, { concurrent = true })

  for_each_pool(function(new_pool)
    it("of a task that is run again is that of the last run", function()
      local pool = new_pool(1)
      local f = pool:with { retries = 1 }:submit(
        "fixtures.progress:say_and_die", 9)
      f:result()
      assert.equal(9, (f:progress()))
    end)
  end, { kind = "process" })

  it("outside of a task is ignored", function()
    tandem.progress(1, 2, "nobody")
    check.misuse("bad argument #1 to 'progress'", tandem.progress, "x")
  end)
end)
