import { define } from "../base/dom.js";
import { Strip } from "../base/sprite.js";

export default define(() => new Strip());
