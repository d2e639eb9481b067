// From what the model's graph gives to an answer in the form of the service's. The thresholds come from the service (offline.json); here they are applied.

/**
 * The document of an answer.
 * `model` is the model of offline.json; `outputs` holds probabilities [7], members [m][7] (logits) and suitability; `image` holds what was measured of it:
 * shorterSide, sharpness, brightness.
 * Returns null for an image that is no dermoscopy image, unless `answerUnsuitable`.
 */
export function decide(model, outputs, image, { id, answerUnsuitable, messageOf }) {
  const suitability = { score: outputs.suitability, ...model.suitability };
  if (!(suitability.score >= suitability.refuseBelow) && !answerUnsuitable) {
    return null;
  }

  const probabilities = weighed(model, outputs.probabilities);
  const ranked = rank(model, probabilities);
  const members = model.members.map((name, k) => ({ name, probabilities: rank(model, weighed(model, softmax(outputs.members[k], model.temperature))) }));
  const ofImage = warningsOf(model, suitability, image);
  const codes = ranked.filter((c, i) => i === 0 || c.probability >= model.setLimits[indexOf(model, c.code)]).map(c => c.code);
  const warning = code => ({ code, message: messageOf(code) });
  return {
    id,
    triage: triage(model, probabilities, codes, ofImage.length > 0),
    label: ranked[0],
    probabilities: ranked,
    set: { coverage: model.coverage, codes },
    warnings: [...ofImage, ...members.some(m => m.probabilities[0].code !== members[0].probabilities[0].code) ? ["members-disagree"] : []].map(warning),
    suitability,
    members,
    prior: Object.fromEntries(model.classes.map((c, i) => [c.code, model.prior[i]])),
    model: { name: model.name, version: model.version },
    notice: "decision support, not a diagnosis",
    onDevice: true,
  };
}

const indexOf = (model, code) => model.classes.findIndex(c => c.code === code);

/** Probabilities for the prior of the answers (Saerens et al. 2002). */
function weighed({ naturalPrior, prior }, probabilities) {
  if (naturalPrior.every((p, i) => p === prior[i])) {
    return [...probabilities];
  }

  const products = probabilities.map((p, i) => naturalPrior[i] > 0 ? p * prior[i] / naturalPrior[i] : p);
  const sum = products.reduce((a, b) => a + b, 0);
  return sum > 0 ? products.map(p => p / sum) : [...probabilities];
}

function softmax(logits, temperature) {
  const largest = Math.max(...logits);
  const powers = logits.map(z => Math.exp((z - largest) / temperature));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map(p => p / sum);
}

/** All classes, most probable first; equal ones in the model's order. */
function rank(model, probabilities) {
  if (probabilities.length !== model.classes.length || !probabilities.every(Number.isFinite)) {
    throw new Error("The model on this device gave no probabilities.");
  }

  return model.classes.map(({ code, name, malignant }, i) => ({ code, name, probability: probabilities[i], malignant })).sort((a, b) => b.probability - a.probability);
}

function triage(model, probabilities, codes, hasWarnings) {
  const malignantProbability = probabilities.reduce((sum, p, i) => sum + (model.classes[i].malignant ? p : 0), 0);
  const melanomaProbability = probabilities[indexOf(model, "mel")];
  const referred = [
    malignantProbability >= model.malignant.threshold && "malignant",
    melanomaProbability >= model.melanoma.threshold && "melanoma",
  ].filter(Boolean);
  const doubts = [codes.some(code => model.classes[indexOf(model, code)].malignant) && "set", hasWarnings && "warning"].filter(Boolean);
  return {
    recommendation: referred.length > 0 ? "refer" : doubts.length > 0 ? "review" : "routine",
    malignantProbability,
    melanomaProbability,
    reasons: referred.length > 0 ? referred : doubts,
    operatingPoint: model.malignant,
    melanomaPoint: model.melanoma,
  };
}

const warningsOf = ({ quality }, suitability, image) => [
  !(suitability.score >= suitability.warnBelow) && "not-dermoscopy",
  image.shorterSide < quality.shorterSide && "small",
  image.sharpness < quality.sharpness && "blurred",
  image.brightness < quality.darkest && "dark",
  image.brightness > quality.brightest && "bright",
].filter(Boolean);
