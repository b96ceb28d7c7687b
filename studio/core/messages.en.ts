// Everything that is said in whole sentences. Short, concrete, in the present tense; what happened
// here, with the number; no praise, and no minds read into numbers.

export const MESSAGES = {
  // --- prediction -------------------------------------------------------------------------------
  "prediction.right": "At step {step} it answers {answer}, with {share}. That is right.",
  "prediction.wrong": "At step {step} it answers {answer}, with {share}. The truth is {truth}.",
  "prediction.unsure.right": "At step {step} it answers {answer}, with {share}. That is right, but hardly more than a guess.",
  "prediction.unsure.wrong": "At step {step} it answers {answer}, with {share}: hardly more than a guess. The truth is {truth}.",
  "prediction.first": "Before it learned anything it answers {answer}, with {share}. It is guessing.",
  "prediction.before": "Before it learned, it said {answer}.",
  "prediction.number": "At step {step} it answers {answer}; the truth is {truth}. It is off by {gap}.",
  "prediction.number.first": "Before it learned anything it answers {answer}; the truth is {truth}.",
  "prediction.tags": "At step {step} it gives {tags, plural, =0 {no tag} one {# tag} other {# tags}} more than half. The truth is {truth}.",
  "prediction.how": "The example enters on the left. Each layer turns the numbers before it into new ones; the last layer answers.",
  // --- loss -------------------------------------------------------------------------------------
  "loss.classify": "It gave {truth} a share of {share}. Minus the logarithm of that share is the loss: {loss}.",
  "loss.members": "{members} small networks answer together. The loss is the mean of theirs: {loss}.",
  "loss.regress": "It said {answer}, and {truth} is true. The loss is the square of the gap, measured in usual spreads: {loss}.",
  "loss.tags": "Every tag is a yes or no. The loss is the mean over all of them: {loss}.",
  "loss.grades": "Every step of the scale is a yes or no. The loss is their sum: {loss}.",
  "loss.what": "The loss says in one number how wrong an answer is. 0 is perfect; a sure and wrong answer costs most.",
  "loss.fell": "This example's loss was {first} before learning and is {now} at step {step}.",
  // --- blame ------------------------------------------------------------------------------------
  "blame.classify": "{truth} should have had more, and everything else less. That difference travels back through the layers.",
  "blame.regress.low": "The answer is too low. The difference travels back through the layers.",
  "blame.regress.high": "The answer is too high. The difference travels back through the layers.",
  "blame.plain": "The difference between what was said and what was wanted travels back through the layers.",
  "blame.what": "For every number inside, backpropagation finds how the loss would change if that number grew. This is its gradient; we call it blame.",
  "blame.right": "The answer is nearly right, so there is little blame to share: {size} at the answer.",
  // --- update -----------------------------------------------------------------------------------
  "update.what": "Every weight moves a little against its blame. In this step the weights of {name} moved by {ratio} of their length.",
  "update.from.zero": "Every weight moves a little against its blame. The weights of {name} began at zero, and moved by {change}.",
  "update.none": "No change was recorded for this step: the weights before it were not kept. Choose another step.",
  "update.start": "Nothing has changed yet: these are the weights the network began with, drawn at random.",
  "update.rate": "The learning rate says how large such a step may be: {rate} here.",
  // --- loop -------------------------------------------------------------------------------------
  "loop.what": "Take {batch} examples, answer, compare, share the blame, change the weights: one step. {perEpoch, plural, one {# step} other {# steps}} make one epoch, in which every example to learn from comes once.",
  "loop.now": "Step {step} of {steps}: the loss on examples it learns from is {loss}. It began at {first}.",
  "loop.start": "This is the network before its first step.",
  // --- layers -----------------------------------------------------------------------------------
  "layers.what": "{parameters, plural, one {# number} other {# numbers}} inside this network can change while it learns. All the rest is fixed arithmetic.",
  "layers.why": "Why this network: {why}.",
  // --- features ---------------------------------------------------------------------------------
  "features.what": "Each unit of a layer answers to something of its own. Here is what {name} makes of this example.",
  "features.limit": "{shown} of {total} units, those that differ most between examples.",
  "features.all": "{total, plural, one {the only unit} other {all # units}}, those that differ most between examples first.",
  "features.kept": "Of {total} units {kept} were recorded.",
  // --- data -------------------------------------------------------------------------------------
  "data.what": "{rows} {things} from {source}. The network is shown {columns} of each and learns to answer “{target}”: {kind}.",
  "data.one": "one column",
  "data.columns": "{columns} columns",
  "data.all": "all",
  "data.things.image": "pictures",
  "data.things.text": "texts",
  "data.things.audio": "recordings",
  "data.things.series": "series",
  "data.things.table": "rows",
  "data.numbers": "All that the network sees of an example is numbers.",
  "data.sealed": "{test, plural, one {# row is} other {# rows are}} sealed: nothing is learned or chosen on them. They were looked at {looks, plural, =0 {not once} one {once} other {# times}}.",
  "data.kinds.classify": "one of {classes} answers",
  "data.kinds.regress": "a number",
  "data.kinds.tags": "any of {classes} tags",
  "data.kinds.grades": "one of {classes} grades",
  // --- check ------------------------------------------------------------------------------------
  "check.what": "Blue is measured on rows it learns from, orange on rows it never learns from. Where they part, it learns by heart.",
  "check.gap": "At step {step} the loss is {train} on rows it learns from and {valid} on the others. The gap is {gap}.",
  "check.best": "On the other rows it was best at step {step}, with {loss}.",
  "check.none": "Nothing was measured on other rows yet.",
  // --- explain ----------------------------------------------------------------------------------
  "explain.what": "Parts of the example are taken away, one after the other. What the answer loses by that is what it rested on.",
  "explain.distrust": "Do not trust this explanation. {why}",
  "explain.lead": "It answers {answer}. Parts of the example were taken away to see what that rests on.",
  "explain.neighbors": "The training examples that are most alike to the network. The last one speaks against the answer.",
  "explain.ask": "Ask why it answers so",
  "explain.waiting": "Taking parts away and asking again; this takes some seconds.",
  "explain.final": "This asks the finished model, whatever step the time bar shows.",
  "explain.report": "A report carries no model: questions are answered by the studio, with pellucid studio.",
  // --- pictures in words --------------------------------------------------------------------------
  "picture.maps": "{units, plural, one {# feature map} other {# feature maps}} of {name} at step {step}, each {height} by {width}; values from {low} to {high}.",
  "picture.heat": "{name} at step {step}: {rows} rows by {columns} columns, values from {low} to {high}.",
  "picture.vector": "{name} at step {step}: {count, plural, one {# value} other {# values}} from {low} to {high}.",
  "picture.attention": "{heads, plural, one {# attention head} other {# attention heads}} of {name} at step {step}; rows ask, columns are asked.",
  "picture.input": "The example as it enters: {what}.",
  "picture.curve": "{name}: {points, plural, one {# point} other {# points}}, from {first} at the start to {last} at the end.",
  "picture.histogram": "Histogram of {name} at step {step}: {count} values from {low} to {high}, most near {mode}.",
  "picture.bars": "{name}: largest is {largest}.",
  // --- time -------------------------------------------------------------------------------------
  "time.now": "step {step} of {steps}, epoch {epoch}",
  "time.loss": "loss {loss}",
  "time.recorded": "recorded {looks} of {steps}",
  "mark.epoch": "epoch {epoch} ends",
  "mark.best": "best on rows it never learns from",
  "mark.first": "first right about this example",
  "mark.chosen": "{message}",
  // --- states -------------------------------------------------------------------------------------
  "state.waiting": "The first picture comes after the first recorded step.",
  "state.none": "Nothing inside was recorded in this run, so there are no pictures. The curves are there.",
  "state.interrupted": "Learning stopped at step {step}. Everything up to there is saved and can be explored.",
  "state.failed": "Learning failed after step {step}. Everything up to there is saved and can be explored.",
  "state.nan": "From step {step} on the loss is not a number.",
} as const;

export type MessageId = keyof typeof MESSAGES;
